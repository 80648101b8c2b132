"""Downloads that are recognised by their paths, and names that must not be trusted."""

from datetime import datetime

import pytest

from grader.model.record import RosterEntry

ROSTER = (
    RosterEntry("20241234", "Kim Minji", "mkim@u.example"),
    RosterEntry("20245678", "Lee Jun", "jlee@u.example"),
    RosterEntry("20240001", "박지우"),
    RosterEntry("20240002", "박지우"),
)


@pytest.mark.parametrize(
    "path, student, known",
    [
        ("HW 2_mkim@u.example_attempt_2026-11-30-23-58-01_a.py", "mkim@u.example", "20241234"),
        ("HW_2_20241234_attempt_2026-11-30-23-58-01_wine.py", "20241234", "20241234"),
        ("100-7 - Kim Minji - Nov 30, 2026 1158 PM - wine.py", "Kim Minji", "20241234"),
        ("hw/Kim, Minji(20241234)/Submission attachment(s)/wine.py", "20241234", "20241234"),
        ("mkim@u.example_3_handin.py", "mkim@u.example", "20241234"),
        ("files/Kim Minji/HW 1/Version 3/wine.py", "Kim Minji", "20241234"),
        ("HW1/Abgaben/Kim_Minji_20241234_555/wine.py", "20241234", "20241234"),
        ("20241234_kim_minji_101_2002_wine.py", "20241234_kim_minji_101", "20241234"),
        ("LATE_anon_9q_2002_wine.py", "anon_9q", None),
        ("HW 1/Kim Minji - Untitled0.ipynb.py", "Kim Minji", "20241234"),
        ("HW 1/Lee Jun - Copy of wine.py", "Lee Jun", "20245678"),
        ("hw3-submissions/hw3-mkim/wine.py", "mkim", None),
        ("Submitted files/Kim Minji/HW 1/wine.py", "Kim Minji", "20241234"),
        ("mkim@u.example_12_wine.py", "mkim@u.example", "20241234"),
        ("A-1-Lee Jun_41_assignsubmission_file_/wine.py", "A-1-Lee Jun", "20245678"),
        ("Team 1-Participant_41_assignsubmission_file_/wine.py", "Team 1-Participant 41", None),
        ("박지우(20240002)_41_assignsubmission_file_/wine.py", "박지우(20240002)", "20240002"),
        ("Team 1-Kim Minji_41_assignsubmission_file_/wine.py", "Team 1-Kim Minji", "20241234"),
        ("박지우(20240001)_wine.py", "박지우(20240001)", "20240001"),
        ("20240001박지우_wine.py", "20240001박지우", "20240001"),
        ("[20240002]박지우 wine.py", "20240002]박지우", "20240002"),
    ],
)
def test_path_of_a_platform_names_the_student(archive, who, path, student, known):
    name = path if path.endswith(("wine.py", "ipynb.py")) else path.replace("a.py", "wine.py")

    assert who(archive(name)) == ([(student, "wine")], {})
    if known:
        assert who(archive(name), roster=ROSTER) == ([(known, "wine")], {})


@pytest.mark.parametrize("name", ["wine - kim.py", "과제 - kim.py", "kim wine - 복사본.py"])
def test_what_stands_before_a_dash_is_a_student_only_if_it_is_nothing_else(folder, who, name):
    found, _ = who(folder(name, "lee_wine.py"))

    assert found[0 if name[0] < "l" else -1][0].startswith("kim") or ("kim", "wine") in found


def test_draft_of_teams_is_no_hand_in(folder, who):
    top = folder("Submitted files/Kim/HW/Version 1/wine.py", "Working files/Lee/HW/wine.py")

    found, unmatched = who(top)

    assert found == [("Kim", "wine")]
    assert list(unmatched.values()) == ["was saved on the platform, but not handed in"]


def test_logins_of_blackboard_that_end_alike_stay_apart(folder, who):
    names = [f"HW_{who}_minji_attempt_2026-11-30-23-58-01_wine.py" for who in ("kim", "lee")]

    found, _ = who(folder(*names))

    assert len({student for student, _ in found}) == 2


def test_times_of_platforms_are_those_of_the_attempts(archive, find, wine):
    path = archive(
        ("hw_kim_attempt_2026-11-30-23-58-01_wine.py", wine),
        ("hw_kim_attempt_2026-12-01-08-10-00_wine.py", wine + b"1\n"),
        ("hw_lee_attempt_2026-11-30-20-00-00_wine.py", wine),
    )

    times = [(e.student, e.handed_in.replace(tzinfo=None)) for e in find(path).hand_ins]

    assert times == [
        ("kim", datetime(2026, 11, 30, 23, 58, 1)),
        ("kim", datetime(2026, 12, 1, 8, 10)),
        ("lee", datetime(2026, 11, 30, 20)),
    ]


def test_what_is_handed_in_twice_has_the_platforms_later_time(archive, find, wine):
    path = archive(
        ("hw_kim_attempt_2026-11-30-23-58-01_wine.py", wine),
        ("hw_kim_attempt_2026-12-01-08-10-00_wine.py", wine),
    )

    (kim,) = find(path).hand_ins

    assert kim.handed_in.replace(tzinfo=None) == datetime(2026, 12, 1, 8, 10)


def test_time_of_sakai_stands_beside_the_attachments(archive, find, wine):
    path = archive(
        ("hw/Kim, Minji(mkim)/Submission attachment(s)/wine.py", wine),
        ("hw/Kim, Minji(mkim)/timestamp.txt", b"20261130235801123"),
        ("hw/Lee, Jun(jlee)/Submission attachment(s)/timestamp.txt", b"20200101000000000"),
        ("hw/Lee, Jun(jlee)/Submission attachment(s)/wine.py", wine),
    )

    kim, lee = find(path).hand_ins

    assert (kim.time_from, kim.handed_in.year) == ("platform", 2026)
    assert lee.time_from == "archive"


def test_same_bytes_of_a_student_are_one_hand_in(folder, who):
    assert who(folder("kim/wine.py", "kim/copy/wine (1).py")) == ([("kim", "wine")], {})


def test_classmates_named_in_a_students_own_folder_hand_in_nothing(folder, who):
    top = folder("lee/wine.py", "park/wine.py", "choi/wine.py", "kim/wine.py")
    for name in ("lee", "park", "choi"):
        (top / f"kim/{name}_wine.py").write_bytes(b"def train(): ...\ndef load_data(): 1\n")
        (top / f"kim/{name}_101_2002_wine.py").write_bytes(
            b"def train(): ...\ndef load_data(): 2\n"
        )

    found, _ = who(top)

    assert {student: found.count((student, "wine")) for student, _ in found} == {
        **dict.fromkeys(("lee", "park", "choi"), 1),
        "kim": 3,
    }


@pytest.mark.parametrize("roster", [(), tuple(map(RosterEntry, ("lee", "park", "choi", "kim")))])
def test_classmates_named_in_a_students_own_zip_hand_in_nothing(folder, zipped, who, roster):
    top = folder("lee_wine.py", "park_wine.py", "choi_wine.py")
    members = [(f"{n}_wine.py", f"def train(): {n}".encode()) for n in ("lee", "park", "choi")]
    (top / "kim.zip").write_bytes(zipped(*members))

    found, _ = who(top, roster=roster)

    assert sorted(found) == [(n, "wine") for n in ("choi", "kim", "kim", "kim", "lee", "park")]


def test_student_named_in_two_places_is_left_to_a_person(folder, who):
    top = folder("week1/lee_wine.py", "week1/kim_wine.py", "week1/han_wine.py")
    for name in ("lee", "park", "choi"):
        (folder("week2/x_wine.py") / "week2" / f"{name}_wine.py").write_bytes(b"def train(): 1")

    found, unmatched = who(top)

    assert {student for student, _ in found} == {"kim", "han", "park", "choi", "x"}
    assert set(unmatched) == {"class/week1/lee_wine.py", "class/week2/lee_wine.py"}


@pytest.mark.parametrize("one, other", [("kim", "kim_"), ("Kim", "Kim -")])
def test_folders_that_would_become_one_student_are_both_listed(folder, who, one, other):
    top = folder(f"{one}/wine.py", f"{other}/wine.py", "lee/wine.py")
    (top / other / "wine.py").write_bytes(b"def train(): 1\n")

    found, unmatched = who(top)

    assert found == [("lee", "wine")]
    assert set(unmatched) == {f"class/{one}/wine.py", f"class/{other}/wine.py"}


@pytest.mark.parametrize("one, other", [("Kim", "Kim "), ("kim\u200b", "kim\u200c")])
def test_names_that_look_the_same_are_all_listed(archive, folder, who, one, other):
    names = (f"{one}/wine.py", f"{other}/wine.py", "lee/wine.py")

    for handed_in in (archive(*names), folder(*names)):
        found, unmatched = who(handed_in)

        assert found == [("lee", "wine")]
        assert all("the same name as another one" in reason for reason in unmatched.values())
        assert unmatched


@pytest.mark.parametrize("one, other", [("jung", "jung_final"), ("park (1)", "park (2)")])
def test_folders_that_look_alike_stay_apart(folder, who, one, other):
    found, _ = who(folder(f"{one}/wine.py", f"{other}/wine.py"))

    assert found == [(one, "wine"), (other, "wine")]


def test_folders_around_the_students_are_none(archive, who):
    found, _ = who(archive("cs101/week 3/kim/wine.py", "cs101/week 3/lee/wine.py"))

    assert found == [("kim", "wine"), ("lee", "wine")]


def test_template_beside_an_answer_is_none(folder, who):
    top = folder("kim/wine.ipynb.py", "lee/wine.py")
    (top / "kim/wine.py").write_text(
        "def load_data():\n    '''Load.'''\n    raise NotImplementedError('x')\n"
        "def train():\n    raise NotImplementedError\n"
    )
    (top / "kim/test_public.py").write_text("def test_train(): ...\n")

    assert who(top) == ([("kim", "wine"), ("lee", "wine")], {})
