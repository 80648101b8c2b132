"""Reading folders and archives: refused files never affect the rest, and no path leads outside."""

import contextlib
import gzip
import io
import os
import re
import struct
import tarfile
import unicodedata
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake.archive import File, Folder, walk
from grader.model.errors import UserError
from grader.model.record import Unmatched

NFD = unicodedata.normalize("NFD", "김철수_와인.py")


def cp949(zipped, name):
    """A zip as Windows makes it: the bytes of the name in CP949, and no flag for UTF-8."""
    raw = name.encode("cp949")
    data = bytearray(zipped("x" * len(raw)))
    for signature, at in ((b"PK\3\4", 30), (b"PK\1\2", 46)):
        start = data.index(signature) + at
        data[start : start + len(raw)] = raw
    return bytes(data)


def utf8_without_flag(zipped, name):
    """A zip as macOS makes it: the name in UTF-8, and no flag for it."""
    data = bytearray(zipped(name))
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        flags = data.index(signature) + at
        data[flags : flags + 2] = struct.pack(
            "<H", struct.unpack_from("<H", data, flags)[0] & ~0x800
        )
    return bytes(data)


def tarred(*members, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def claiming(size, data):
    """A zip whose directory says that each of its files has this size in bytes."""
    changed = bytearray(data)
    for entry in re.finditer(rb"PK\x01\x02", data):
        struct.pack_into("<I", changed, entry.start() + 24, size)
    return bytes(changed)


def special(name, kind):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = kind << 16
    return info


@pytest.mark.parametrize("make", [cp949, utf8_without_flag])
@pytest.mark.parametrize("name", ["김철수_와인.py", "똠방각하_와인.py", "kim_와인.py"])
def test_names_in_zips_of_windows_and_mac(tmp_path, zipped, who, make, name):
    path = tmp_path / "a.zip"
    path.write_bytes(make(zipped, name))

    assert who(path) == ([(name.removesuffix("_와인.py"), "wine")], {})


def test_hangul_of_a_mac_is_composed(archive, folder, find):
    found = [*find(archive(NFD)).hand_ins, *find(folder(NFD)).hand_ins]

    assert [each.origin for each in found] == [
        "download.zip/김철수_와인.py",
        "class/김철수_와인.py",
    ]


def test_backslashes_of_old_windows_tools_are_folders(archive, who):
    assert who(archive("kim\\wine.py", "lee\\wine.py"))[0] == [("kim", "wine"), ("lee", "wine")]


@pytest.mark.parametrize(
    "name", ["../lee_wine.py", "a/../../lee_wine.py", "/etc/lee_wine.py", "C:\\lee_wine.py", ".."]
)
def test_name_that_leads_outside_is_refused_and_the_rest_read(archive, who, tmp_path, name):
    found, refused = who(archive(name, "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert list(refused.values()) == ["the name points outside the archive"]
    assert [path.name for path in tmp_path.iterdir()] == ["download.zip"]


@pytest.mark.parametrize(
    "kind, reason", [(0o120777, "a link"), (0o010644, "a pipe"), (0o020644, "a device")]
)
def test_what_is_no_file_in_a_zip_is_refused(archive, who, kind, reason):
    found, refused = who(archive((special("lee_wine.py", kind), b"/etc/passwd"), "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert reason in refused["download.zip/lee_wine.py"]


def test_links_and_pipes_in_a_folder_are_refused(folder, who, tmp_path):
    top = folder("kim_wine.py")
    secret = folder("secret_wine.py", name="elsewhere")
    (top / "lee_wine.py").symlink_to(secret / "secret_wine.py")
    (top / "park").symlink_to(secret)
    os.mkfifo(top / "choi_wine.py")

    found, refused = who(top)

    assert found == [("kim", "wine")]
    assert "a link" in refused["class/lee_wine.py"]
    assert "a link" in refused["class/park"]
    assert "a pipe" in refused["class/choi_wine.py"]


APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X"


def test_junk_of_systems_and_editors_is_passed_over(archive, folder, wine, who):
    contents = {
        "kim_wine.py": wine,
        "._kim_wine.py": APPLE_DOUBLE,
        ".DS_Store": b"\0",
        "__MACOSX/._kim_wine.py": APPLE_DOUBLE,
        ".ipynb_checkpoints/kim_wine-checkpoint.ipynb": wine,
        "__pycache__/kim_wine.cpython-311.pyc": b"\0",
        ".git/config": b"",
    }

    assert who(archive(*contents.items())) == ([("kim", "wine")], {})
    assert who(folder(*contents, **contents)) == ([("kim", "wine")], {})


@pytest.mark.parametrize("name", [".kim", ".git", "__pycache__", "__MACOSX", ".venv/lib"])
def test_hidden_folder_with_code_is_listed_once(archive, folder, who, name):
    names = (f"{name}/wine.py", f"{name}/lee_wine.ipynb", "kim_wine.py")
    hidden = name.split("/")[0]

    for top, handed_in in (("download.zip", archive(*names)), ("class", folder(*names))):
        found, listed = who(handed_in)

        assert found == [("kim", "wine")]
        assert {origin: "hidden folder" in reason for origin, reason in listed.items()} == {
            f"{top}/{hidden}": True
        }


def test_file_with_the_name_of_apples_junk_is_no_junk(archive, folder, who):
    for handed_in in (archive("._kim_wine.py"), folder("._kim_wine.py")):
        assert who(handed_in)[0] == [("kim", "wine")]


@pytest.mark.parametrize("empty", ["-", "_", "lee", "Kim ", "=cmd", "이준", ".git", "wine.ipynb"])
def test_empty_folder_is_listed_by_name(archive, folder, who, empty):
    top = folder("kim/wine.py")
    (top / empty).mkdir()

    for path, handed_in in (("download.zip", archive("kim/wine.py", f"{empty}/")), ("class", top)):
        found, listed = who(handed_in)

        assert found == [("kim", "wine")]
        shown = empty.strip()
        assert set(listed) == (set() if empty == ".git" else {f"{path}/{shown}"})
        assert all("contains no script" in r or "not a file" in r for r in listed.values())


def test_folder_with_nothing_usable_is_listed(folder, zipped, who):
    top = folder("kim/wine.py", "lee/.DS_Store", "-/README.md", "park/a/b/__pycache__/x.pyc")
    (top / "kim/plots/old").mkdir(parents=True)
    (top / "choi.zip").write_bytes(zipped())
    (top / "jung").mkdir()
    (top / "jung/broken.zip").write_bytes(b"PK\3\4")

    found, listed = who(top)

    assert found == [("kim", "wine")]
    nothing = "contains no script (.py) or notebook (.ipynb)"
    assert listed == {
        "class/-": nothing,
        "class/choi.zip": nothing,
        "class/jung/broken.zip": "isn't a readable archive; unpack it by hand",
        "class/lee": nothing,
        "class/park": nothing,
    }


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_hundreds_of_zips_need_no_descriptor_each(folder, zipped, find):
    top = folder()
    top.mkdir()
    for number in range(400):
        (top / f"s{number}_wine.zip").write_bytes(zipped("wine.py"))
    before = descriptors()

    found = find(top)

    assert len(found.hand_ins) == 400
    assert descriptors() <= before
    assert found.hand_ins[0].submission.problem is None


def test_names_that_look_like_junk_once_they_are_tidied_are_none(archive, folder, who):
    names = (" .kim/wine.py", "\t._lee_wine.py")

    for handed_in in (archive(*names), folder(*names)):
        found, refused = who(handed_in)
        assert len(found) + len(refused) == 2


def test_the_results_in_the_folder_that_is_graded_are_no_hand_ins(folder, find):
    top = folder("kim_wine.py", "results/lee_wine.py", "results/gradebook.db")

    found = find(top, without=top / "results")

    assert [each.student for each in found.hand_ins] == ["kim"]
    assert found.unmatched == ()


def test_zip_in_zip_in_zip(archive, zipped, find):
    inner = zipped("hw/wine.py")
    middle = zipped(("inner.zip", inner))

    found = find(archive(("kim.zip", middle), ("lee.zip", inner)))

    assert [(each.student, each.origin) for each in found.hand_ins] == [
        ("kim", "download.zip/kim.zip/inner.zip/hw/wine.py"),
        ("lee", "download.zip/lee.zip/hw/wine.py"),
    ]
    assert found.hand_ins[0].submission.problem is None


def test_zips_are_not_opened_without_end(archive, zipped, who):
    data = zipped("wine.py")
    for _ in range(4):
        data = zipped(("again.zip", data))

    found, refused = who(archive(("kim.zip", data), "lee_wine.py"))

    assert found == [("lee", "wine")]
    assert list(refused.values()) == ["contains archives that are nested too deeply"]


def test_file_that_is_packed_like_a_bomb_is_refused(archive, who):
    found, refused = who(archive(("lee_wine.py", b"#" * 15 * 2**20), "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert refused == {
        "download.zip/lee_wine.py": "is compressed more than 200:1, unlike any real submission"
    }


def test_archive_of_a_student_that_unpacks_to_too_much_is_refused(archive, zipped, who):
    bomb = claiming(20 * 2**20, zipped(*[f"{i}.py" for i in range(26)]))

    found, refused = who(archive(("lee.zip", bomb), "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert refused == {"download.zip/lee.zip": "unpacks to more than 500 MB"}


def test_zip_of_a_student_with_too_many_files_is_refused(archive, zipped, who):
    crowd = zipped(*[f"{i}_wine.py" for i in range(5001)])

    found, refused = who(archive(("lee.zip", crowd), "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert refused == {"download.zip/lee.zip": "contains more than 5000 files"}


def test_tar_of_a_student_with_too_many_files_is_refused(archive, who):
    crowd = tarred(*[(tarfile.TarInfo(f"{i}_wine.py"), b"") for i in range(5001)])

    found, refused = who(archive(("lee.tar.gz", crowd), "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert refused == {"download.zip/lee.tar.gz": "contains more than 5000 files"}


def test_archives_in_a_students_archive_share_its_limits(archive, zipped, who):
    many = zipped(*[f"{i}.csv" for i in range(3000)])

    _, refused = who(archive(("lee.zip", zipped(("a.zip", many), ("b.zip", many)))))

    assert refused["download.zip/lee.zip/b.zip"] == "contains more than 5000 files"


@pytest.mark.parametrize("name", ["lee.zip", "lee.tar.gz", "lee.tar"])
@pytest.mark.parametrize("data", [b"", b"PK\3\4 cut off", b"\x1f\x8b cut off", b"text" * 200])
def test_broken_archive_is_listed_and_the_rest_read(archive, who, name, data):
    found, refused = who(archive((name, data), "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert set(refused) <= {f"download.zip/{name}"}
    assert refused or name == "lee.tar"  # an empty tar is a tar of nothing


def test_damaged_member_is_listed_and_the_rest_read(tmp_path, zipped, who):
    data = bytearray(zipped("lee_wine.py", "kim_wine.py"))
    data[data.index(b"lee_wine.py") + 15] ^= 0xFF
    path = tmp_path / "a.zip"
    path.write_bytes(data)

    found, refused = who(path)

    assert found == [("kim", "wine")]
    assert "damaged" in refused["a.zip/lee_wine.py"]


def test_locked_member_is_listed(tmp_path, zipped, who):
    data = bytearray(zipped("lee_wine.py", "kim_wine.py"))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path = tmp_path / "a.zip"
    path.write_bytes(data)

    found, refused = who(path)

    assert found == [("kim", "wine")]
    assert "password" in refused["a.zip/lee_wine.py"]


def test_archive_of_another_kind_is_listed(folder, who):
    found, refused = who(folder("kim/wine.py", "kim/wine.rar"))

    assert found == [("kim", "wine")]
    assert "unpack it by hand" in refused["class/kim/wine.rar"]


@pytest.mark.parametrize("suffix, mode", [("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar", "w")])
def test_tar_is_read_like_a_zip(tmp_path, wine, find, suffix, mode):
    info = tarfile.TarInfo("kim/와인.py")
    info.mtime = 1_750_000_000
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(tarred((info, wine), mode=mode))

    (found,) = find(path).hand_ins

    assert (found.student, found.assignment.name) == ("kim", "wine")
    assert found.handed_in == datetime.fromtimestamp(1_750_000_000, UTC)
    assert found.submission.cells[0].source == wine.decode()


@pytest.mark.parametrize(
    "kind, reason",
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.CHRTYPE, "a device"),
    ],
)
def test_what_is_no_file_in_a_tar_is_refused(tmp_path, wine, who, kind, reason):
    evil = tarfile.TarInfo("lee_wine.py")
    evil.type, evil.linkname = kind, "/etc/passwd"
    path = tmp_path / "a.tar.gz"
    path.write_bytes(
        tarred(
            (evil, b""),
            (tarfile.TarInfo("../up_wine.py"), wine),
            (tarfile.TarInfo("kim_wine.py"), wine),
        )
    )

    found, refused = who(path)

    assert found == [("kim", "wine")]
    assert reason in refused["a.tar.gz/lee_wine.py"]
    assert "outside" in refused["a.tar.gz/../up_wine.py"]


@pytest.mark.long
def test_tar_that_unpacks_to_too_much_is_refused(tmp_path, who):
    header = tarfile.TarInfo("lee_wine.py")
    header.type, header.size = tarfile.XHDTYPE, 2**32
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header.tobuf())
        for _ in range(600):
            file.write(bytes(2**20))

    found, refused = who(path)

    assert found == []
    assert refused == {"a.tar.gz": "unpacks to more than 500 MB"}


def test_folder_that_cannot_be_read_is_listed(folder, who):
    top = folder("kim_wine.py", "lee/wine.py")
    (top / "lee").chmod(0)
    try:
        if os.access(top / "lee", os.R_OK):
            pytest.skip("root reads everything")
        found, refused = who(top)
    finally:
        (top / "lee").chmod(0o755)

    assert found == [("kim", "wine")]
    assert "Permission denied" in refused["class/lee"]


def test_path_that_is_not_there_is_reported(find, tmp_path):
    with pytest.raises(UserError, match="no such file, folder or archive"):
        find(tmp_path / "missing")


def test_folder_without_anything_is_reported(find, tmp_path):
    with pytest.raises(UserError, match=r"contains no script \(\.py\) or notebook \(\.ipynb\)"):
        find(tmp_path)


def test_times_of_a_zip(archive, find, wine):
    clock = zipfile.ZipInfo("kim_wine.py", (2025, 5, 1, 23, 58, 2))
    exact = zipfile.ZipInfo("lee_wine.py", (2025, 5, 1, 23, 58, 2))
    exact.extra = struct.pack("<HHBi", 0x5455, 5, 1, 1_750_000_000)
    never = zipfile.ZipInfo("park_wine.py")
    never.date_time = (1980, 0, 0, 0, 0, 0)

    found = find(archive((clock, wine), (exact, wine), (never, wine))).hand_ins

    assert [each.handed_in for each in found] == [
        datetime(2025, 5, 1, 23, 58, 2).astimezone(),
        datetime.fromtimestamp(1_750_000_000, UTC),
        None,
    ]
    assert {each.time_from for each in found} == {"archive"}


def test_time_of_a_file_on_the_disk(folder, find):
    top = folder("kim_wine.py")
    os.utime(top / "kim_wine.py", (0, 1_750_000_000))

    (found,) = find(top).hand_ins

    assert found.handed_in == datetime.fromtimestamp(1_750_000_000, UTC)
    assert found.time_from == "file"


def test_file_that_is_gone_when_it_is_graded(folder, find):
    top = folder("kim_wine.py")
    (found,) = find(top).hand_ins
    (top / "kim_wine.py").unlink()

    with pytest.raises(UserError, match="can't be read: No such file"):
        found.load()


names = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4).map("/".join)


@given(members=st.lists(st.tuples(names, st.binary(max_size=30)), max_size=5))
def test_whatever_the_names_in_a_zip_are_nothing_leads_outside(tmp_path_factory, members):
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in dict(members).items():
            try:
                archive.writestr(zipfile.ZipInfo(name.replace("\0", "0") + ".py"), data)
            except UnicodeEncodeError:  # halves of characters
                continue

    for found in walk(path):
        if isinstance(found, File):
            assert ".." not in found.parts
            assert all(part.isprintable() and "/" not in part for part in found.parts)
            assert found.read(100) in [data for _, data in members]
        else:
            assert isinstance(found, Unmatched | Folder)


@given(data=st.binary(max_size=300), suffix=st.sampled_from(["zip", "tar", "tar.gz"]))
def test_whatever_an_archive_holds_it_is_read_or_refused(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("any") / f"a.{suffix}"
    path.write_bytes(data)

    assert not any(isinstance(found, File) for found in walk(path))


@given(data=st.data())
def test_zip_with_a_few_bytes_changed_is_read_or_refused(tmp_path_factory, zipped_once, data):
    changed = bytearray(zipped_once)
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=5)):
        changed[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("changed") / "a.zip"
    path.write_bytes(changed)

    for found in walk(path):
        if isinstance(found, File):
            with contextlib.suppress(UserError):
                assert len(found.read(1000)) <= 1000


@pytest.fixture(scope="module")
def zipped_once():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kim_wine.py", b"x = 1\n" * 20)
        archive.writestr("lee/wine.ipynb", b"{}")
    return buffer.getvalue()
