"""Realistic file names of each platform: the student, the assignment, and what is left to an assistant."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake import Intake, find_hand_ins
from grader.model.errors import UserError
from grader.model.record import RosterEntry

WINE = b"def load_data(): ...\ndef build_model(): ...\ndef train(): ...\n"
ROSTER = (
    RosterEntry("20251234", "김철수", "kim@x.ac.kr"),
    RosterEntry("20255678", "Lee, Jinho", "Jinho.Lee@x.ac.kr"),
    RosterEntry("20259999", "Minsu Kim", "minsu@x.ac.kr"),
    RosterEntry("20250001", "박지우"),
    RosterEntry("20250002", "박지우"),
)


@pytest.mark.parametrize(
    "name, student, assignment",
    [
        ("kimminsu_101_2002_wine.ipynb", "kimminsu_101", "wine"),
        ("kimminsu_LATE_101_2002_wine-1.ipynb", "kimminsu_101", "wine"),
        ("kimminsu_101_2002_binary-12.py", "kimminsu_101", "binary"),
        ("김철수_101_2002_와인_과제_최종.ipynb", "김철수_101", "wine"),
        ("winehouseamy_101_2002_binary.py", "winehouseamy_101", "binary"),
        ("winehouseamy_101_2002_hw.py", "winehouseamy_101", "wine"),
        ("anon_x7Kq2_2002_wine.ipynb", "anon_x7Kq2", "wine"),
        ("anon_LATE_x7Kq2_2002_wine.ipynb", "anon_x7Kq2", "wine"),
        ("anon_881_2002_wine.ipynb", "anon_881", "wine"),
        ("kimminsu_101_2002_hw.zip/wine (1).py", "kimminsu_101", "wine"),
        ("Minsu Kim_31_assignsubmission_file_/wine.ipynb", "Minsu Kim", "wine"),
        ("Minsu Kim_31_assignsubmission_file/wine.ipynb", "Minsu Kim", "wine"),
        ("Minsu Kim_31_assignsubmission_file_wine.ipynb", "Minsu Kim", "wine"),
        ("김 철수_31_assignsubmission_file_/와인_과제_최종.ipynb", "김 철수", "wine"),
        ("Winehouse Amy_31_assignsubmission_file_/hw/binary.py", "Winehouse Amy", "binary"),
        ("Participant_31_assignsubmission_file_/wine.ipynb", "Participant 31", "wine"),
        ("Participant_31_assignsubmission_file_wine.ipynb", "Participant 31", "wine"),
        ("hw3-wine/kimminsu_101_2002_x.py", "kimminsu_101", "wine"),
        ("cs101/Minsu Kim_31_assignsubmission_file_/wine.py", "Minsu Kim", "wine"),
        ("20251234_김철수/wine (1).ipynb", "20251234_김철수", "wine"),
        ("20251234_김철수/hw/src/x.py", "20251234_김철수", "wine"),
        ("kim/와인_과제_최종.ipynb", "kim", "wine"),
        ("kim_wine/binary.py", "kim", "binary"),
        ("wine/kim/x.py", "kim", "wine"),
        ("wine/kim.py", "kim", "wine"),
        ("Baldwine/binary.py", "Baldwine", "binary"),
        ("kim.zip/x.py", "kim", "wine"),
        ("kim_wine.zip/x.py", "kim", "wine"),
        ("Assignment - Downloads/kim_wine.py", "kim", "wine"),
        ("kim_wine_최종.py", "kim", "wine"),
        ("kim_wine (1).py", "kim", "wine"),
        ("kim_wine - 복사본.py", "kim", "wine"),
        ("HW3_wine_20251234_김철수.ipynb", "20251234_김철수", "wine"),
        ("student_1_wine.py", "student_1", "wine"),
        ("lee.py", "lee", "wine"),
        ("KIM.WINE.PY", "KIM", "wine"),
    ],
)
def test_name_tells_the_student_and_the_assignment(
    archive, zipped, wine, who, name, student, assignment
):
    outer, zip_, inner = name.partition(".zip/")
    member = (f"{outer}.zip", zipped((inner, wine))) if zip_ else (name, wine)

    assert who(archive(member)) == ([(student, assignment)], {})


@pytest.mark.parametrize(
    "name, late",
    [
        ("kimminsu_LATE_101_2002_wine.py", True),
        ("kimminsu_101_2002_wine.py", False),
        ("kimminsu_101_2002_wine_LATE_.py", False),
        ("anon_LATE_x7Kq2_2002_wine.py", True),
        ("anon_x7Kq2_LATE_2002_wine.py", True),
    ],
)
def test_late_mark_of_canvas(folder, find, name, late):
    assert [each.late_mark for each in find(folder(name)).hand_ins] == [late]


def test_file_of_canvas_has_the_name_that_the_student_gave_it(folder, find):
    (found,) = find(folder("kimminsu_101_2002_my wine-2.py")).hand_ins

    assert found.file == found.submission.file == "my wine.py"
    assert found.origin == "class/kimminsu_101_2002_my wine-2.py"


def test_students_of_one_name_in_a_moodle_download_are_kept_apart(folder, who):
    top = folder(
        "박지우_31_assignsubmission_file_/wine.py",
        "박지우_32_assignsubmission_file_/wine.py",
        "김철수_33_assignsubmission_file_/wine.py",
    )

    assert [student for student, _ in who(top)[0]] == ["김철수", "박지우 (31)", "박지우 (32)"]


def test_student_of_two_moodle_downloads_is_one(folder, who):
    top = folder(
        "hw1/김철수_31_assignsubmission_file_/wine.py",
        "hw2/김철수_77_assignsubmission_file_/binary.py",
    )

    assert who(top)[0] == [("김철수", "wine"), ("김철수", "binary")]


METADATA = b"""---
submission_5:
  :submitters:
  - :name: Minsu Kim
    :sid: '20259999'
    :email: minsu@x.ac.kr
  :created_at: 2025-05-01 14:58:01.302000000 Z
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    tests: []
submission_6:
  :submitters:
  - :name: Jinho Lee
    :sid:
    :email: jinho.lee@x.ac.kr
  - :name: \xea\xb9\x80\xec\xb2\xa0\xec\x88\x98
    :sid: '20251234'
    :email: kim@x.ac.kr
  :created_at: 2025-05-01 23:58:01.000000000 +09:00
"""


def test_gradescope_export_tells_students_groups_and_times(archive, wine, find):
    path = archive(
        ("assignment_9_export/submission_metadata.yml", METADATA),
        ("assignment_9_export/submission_5/wine.py", wine),
        ("assignment_9_export/submission_6/src/wine.py", wine),
    )

    found = find(path)

    assert found.unmatched == ()
    assert [each.student for each in found.hand_ins] == [
        "20259999",
        "20251234",
        "jinho.lee@x.ac.kr",
    ]
    assert found.hand_ins[0].handed_in == datetime(2025, 5, 1, 14, 58, 1, 302000, UTC)
    assert found.hand_ins[1].handed_in == datetime(2025, 5, 1, 14, 58, 1, tzinfo=UTC)
    assert {each.time_from for each in found.hand_ins} == {"platform"}


def test_gradescope_metadata_in_a_students_folder_names_nobody_else(folder, who):
    top = folder("kim/submission_5/wine.py", "lee/wine.py")
    (top / "kim/submission_metadata.yml").write_bytes(METADATA)

    assert who(top) == ([("kim", "wine"), ("lee", "wine")], {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- 1",
        b"a: 1",
        b"a: {:submitters: [{}]}",
        b"a: {:submitters: [{:name: ''}]}",
        b"\xff",
        b"{",
    ],
)
def test_gradescope_metadata_that_is_broken_is_listed(archive, wine, who, content):
    path = archive(("submission_metadata.yml", content), ("submission_5/wine.py", wine))

    found, unmatched = who(path)

    assert len(found) == 1
    assert "export it again" in unmatched["download.zip/submission_metadata.yml"]


def test_nbgraders_tree_tells_student_assignment_and_time(folder, find):
    top = folder("kim/wine/x.py", "kim/binary/binary.py", "lee/wine/y.py", name="submitted")
    (top / "kim/wine/timestamp.txt").write_text("2025-05-01 23:58:01.123456 Asia/Seoul")
    (top / "lee/wine/timestamp.txt").write_text("yesterday")

    found = find(top)

    assert [(each.origin, "no time" in each.reason.en) for each in found.unmatched] == [
        ("submitted/lee/wine/timestamp.txt", True)
    ]
    assert [(each.student, each.assignment.name, each.time_from) for each in found.hand_ins] == [
        ("kim", "binary", "file"),
        ("kim", "wine", "platform"),
        ("lee", "wine", "file"),
    ]
    assert found.hand_ins[1].handed_in == datetime(2025, 5, 1, 14, 58, 1, 123456, UTC)
    assert found.hand_ins[1].handed_in.utcoffset() == timedelta(hours=9)


def test_nbgraders_folder_beats_the_name_of_the_file(archive, who):
    path = archive("submitted/kim/wine/binary.py", "submitted/lee/wine/wine.py")

    assert who(path)[0] == [("kim", "wine"), ("lee", "wine")]


def test_folder_around_the_students_is_no_student(archive, who):
    found, _ = who(archive("cs101/kim/wine.py", "cs101/lee/a/wine.py"))

    assert found == [("kim", "wine"), ("lee", "wine")]


def test_only_student_of_a_folder_is_no_folder_around_students(folder, who):
    found, _ = who(folder("kim/wine/hw/x.py", "kim/binary/hw/binary.py"))

    assert found == [("kim", "binary"), ("kim", "wine")]


def test_all_files_of_a_student_are_hand_ins(folder, find):
    top = folder("kim/wine.py", "kim/wine (1).py", "kim/old/wine.py")
    (top / "kim/wine (1).py").write_bytes(WINE + b"1\n")
    (top / "kim/old/wine.py").write_bytes(WINE + b"2\n")

    found = find(top)

    assert [each.origin for each in found.hand_ins] == [
        "class/kim/old/wine.py",
        "class/kim/wine (1).py",
        "class/kim/wine.py",
    ]
    assert {each.student for each in found.hand_ins} == {"kim"}


def test_file_of_no_assignment_is_listed(folder, who):
    top = folder("kim/wine.py")
    (top / "kim/utils.py").write_text("x = 1\n")

    found, unmatched = who(top)

    assert found == [("kim", "wine")]
    assert "can't tell the assignment" in unmatched["class/kim/utils.py"]


def test_folder_tells_the_assignment_where_the_file_does_not(folder, who):
    top = folder("kim/wine/x.py")
    (top / "kim/wine/x.py").write_text("broken(")

    assert who(top) == ([("kim", "wine")], {})


@pytest.mark.parametrize("name", ["wine.py", "wine (1).py", "hw3_wine.py", "homework.py"])
def test_file_of_nobody_is_listed(folder, who, name):
    found, unmatched = who(folder(name, "kim_wine.py"))

    assert found == [("kim", "wine")]
    assert "can't tell the student" in unmatched[f"class/{name}"]


def test_one_file_that_the_user_names_needs_no_student(folder, who):
    assert who(folder("wine.py") / "wine.py") == ([("wine", "wine")], {})


def test_what_is_no_submission_is_listed_where_a_student_has_none(folder, who):
    others = ("README.md", "plot.png", "wine.csv", "report.pdf")
    top = folder(
        "kim/wine.py",
        *[f"kim/{name}" for name in others],
        *[f"lee/{name}" for name in others],
        "README.md",
        "kim_report.pdf",
        "choi_report.pdf",
        "parkjiwoo_1_2_report.pdf",
    )

    found, unmatched = who(top)

    assert found == [("kim", "wine")]
    assert set(unmatched) == {
        *(f"class/lee/{name}" for name in others),
        "class/choi_report.pdf",
        "class/parkjiwoo_1_2_report.pdf",
    }
    assert set(unmatched.values()) == {"is neither a script (.py) nor a notebook (.ipynb)"}


def test_assignment_that_the_user_says_is_that_of_all_whose_names_dont_tell(folder, who):
    top = folder("kim/x.py", "park/multinomial.py", "lee_binary.py")

    found, unmatched = who(top, name="multinomial")

    assert found == [("kim", "multinomial"), ("park", "multinomial")]
    assert unmatched == {
        "class/lee_binary.py": "the file name belongs to another assignment: binary"
    }


@pytest.mark.parametrize(
    "words, utc",
    [
        ("2025-05-01 23:58:01 KST", datetime(2025, 5, 1, 14, 58, 1, tzinfo=UTC)),
        ("2025-05-01 23:58:01.5 UTC", datetime(2025, 5, 1, 23, 58, 1, 500000, tzinfo=UTC)),
        ("2025-05-01 23:58:01 XYZ", None),
        ("2025-05-01 23:58:01", None),
    ],
)
def test_nbgraders_time_has_a_zone_in_any_form_or_is_listed(folder, find, words, utc):
    top = folder("kim/wine/wine.py", name="submitted")
    (top / "kim/wine/timestamp.txt").write_text(words)

    found = find(top)

    (one,) = found.hand_ins
    assert (one.handed_in == utc, one.time_from) == ((True, "platform") if utc else (False, "file"))
    assert len(found.unmatched) == (0 if utc else 1)


@pytest.mark.parametrize(
    "name, files",
    [
        ("class_2025_11_30", ("kim_wine.py", "lee_wine.py")),
        ("hw_3_2_all", ("kim_wine.py", "lee_wine.py")),
        ("class_2025_11_30", ("kim/wine.py", "lee/wine.py")),
        ("class", ("hw_2025_11_30/kim_wine.py", "hw_2025_11_30/lee_wine.py")),
        ("handed-in", ("handed-in/kim_wine.py", "handed-in/lee_wine.py")),
        ("class", ("section1/kim.py", "section1/lee.py")),
    ],
)
def test_names_around_a_class_are_no_students(archive, folder, who, name, files):
    expected = [("kim", "wine"), ("lee", "wine")]

    assert who(folder(*files, name=name)) == (expected, {})
    assert who(archive(*files, name=f"{name}.zip")) == (expected, {})


def test_sections_of_a_class_are_no_students(folder, who):
    sections = {"section1": ("kim", "lee", "park"), "section2": ("choi", "jung", "han")}
    files = [f"{section}/{each}_wine.py" for section, names in sections.items() for each in names]

    found, unmatched = who(folder(*files))

    assert sorted(found) == sorted((each, "wine") for names in sections.values() for each in names)
    assert unmatched == {}


@pytest.mark.parametrize(
    "files",
    [
        ("kim/kim_wine.py", "kim/kim_wine_v2.py", "kim/kim_wine_v3.py"),
        ("kim/wine.py", "kim/wine_v2.py"),
        ("kim/main.py", "kim/model.py", "kim/train.py"),
    ],
)
def test_versions_in_a_students_folder_are_the_students(folder, who, files):
    found, _ = who(folder(*files, "lee/wine.py"))

    assert {student for student, _ in found} == {"kim", "lee"}


def test_helper_beside_a_submission_is_no_attempt_where_only_a_folder_names_the_assignment(
    folder, who
):
    top = folder("kim/wine/wine.py", "kim/wine/utils.py", name="submitted")
    (top / "kim/wine/utils.py").write_text("x = 1\n")

    found, unmatched = who(top)

    assert found == [("kim", "wine")]
    assert list(unmatched) == ["submitted/kim/wine/utils.py"]


def test_helper_beside_a_submission_is_no_attempt_though_the_user_says_the_assignment(folder, who):
    top = folder("kim/wine.py", "kim/utils.py", "lee/hw.py")
    (top / "kim/utils.py").write_text("x = 1\n")
    (top / "lee/hw.py").write_text("x = 1\n")

    found, unmatched = who(top, name="wine")

    assert found == [("kim", "wine"), ("lee", "wine")]
    assert "doesn't look like a submission" in unmatched["class/kim/utils.py"]


def test_unknown_assignment_is_reported(folder, find):
    with pytest.raises(UserError, match="there is no assignment beer"):
        find(folder("kim_wine.py"), name="beer")


@pytest.mark.parametrize(
    "name, student",
    [
        ("20251234_wine.py", "20251234"),
        ("2025-1234_wine.py", "20251234"),
        ("김철수_wine.py", "20251234"),
        ("wine_김철수_20251234.py", "20251234"),
        ("leejinho_101_2002_wine.py", "20255678"),
        ("kimminsu_LATE_101_2002_wine.py", "20259999"),
        ("jinholee_101_2002_wine.py", "20255678"),
        ("Jinho Lee_31_assignsubmission_file_/wine.py", "20255678"),
        ("JINHO_LEE_wine.py", "20255678"),
        ("submitted/minsu@x.ac.kr/wine/wine.py", "20259999"),
        ("cs101/김철수/wine.py", "20251234"),
        ("cs101/files/김철수_wine.py", "20251234"),
        ("20250002_박지우_wine.py", "20250002"),
    ],
)
def test_roster_knows_whom_a_name_means(folder, who, name, student):
    assert who(folder(name), roster=ROSTER) == ([(student, "wine")], {})


@pytest.mark.parametrize(
    "name, reason",
    [
        ("park_wine.py", "park isn't in the roster"),
        ("박지우_wine.py", "박지우 matches more than one student in the roster"),
        ("김철수_20255678_wine.py", "matches more than one student in the roster"),
        ("Participant_31_assignsubmission_file_/wine.py", "Participant 31 isn't in the roster"),
    ],
)
def test_whom_the_roster_does_not_know_is_listed(folder, who, name, reason):
    found, unmatched = who(folder(name), roster=ROSTER)

    assert found == []
    assert reason in unmatched[f"class/{name}"]


def test_group_is_found_in_the_roster(archive, wine, find):
    path = archive(("submission_metadata.yml", METADATA), ("submission_6/wine.py", wine))

    assert [each.student for each in find(path, roster=ROSTER).hand_ins] == ["20251234", "20255678"]


def test_hand_ins_are_loaded_when_they_are_used(folder, find):
    top = folder("kim_wine.py")
    (found,) = find(top).hand_ins
    (top / "kim_wine.py").write_text("y = 2\n")

    assert found.submission.cells[0].source == "y = 2\n"


word = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=10)


@pytest.mark.slow
@given(parts=st.lists(word, min_size=1, max_size=3), roster=st.sampled_from([(), ROSTER]))
def test_whatever_the_names_a_file_is_a_hand_in_or_listed(
    tmp_path_factory, assignments, wine_once, parts, roster
):
    top = tmp_path_factory.mktemp("class")
    path = top / "x" / "/".join(f"{part}x" for part in parts)
    path = path.with_name(path.name + ".py")
    path.parent.mkdir(parents=True)
    path.write_bytes(wine_once)
    (top / "lee_wine.py").write_bytes(wine_once)

    found = find_hand_ins([top], assignments, roster=roster)

    assert isinstance(found, Intake)
    assert len(found.hand_ins) + len(found.unmatched) == 2
    assert all(each.student.isprintable() and each.student for each in found.hand_ins)


@pytest.fixture(scope="module")
def wine_once():
    return b"def load_data(): ...\ndef build_model(): ...\ndef train(): ...\ndef predict_test_0(): ...\n"
