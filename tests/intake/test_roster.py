"""Rosters and extensions as spreadsheets write them."""

import csv
import io
import unicodedata
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake import read_extensions, read_roster
from grader.model.errors import UserError
from grader.model.late import LatePolicy
from grader.model.record import RosterEntry

KST = timezone(timedelta(hours=9))
CLASS = (
    RosterEntry("20251234", "김철수", "kim@x.ac.kr"),
    RosterEntry("20255678", "Lee, Jinho", "jinho@x.ac.kr"),
)


@pytest.fixture
def write(tmp_path):
    """Write a table and return its path."""

    def make(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return make


@pytest.fixture
def dated(assignments):
    """The course's assignments, of which wine has a due date."""
    late = LatePolicy(due=datetime(2025, 5, 1, 23, 59, tzinfo=KST), percent_per_day=10)
    return assignments | {"wine": msgspec.structs.replace(assignments["wine"], late=late)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("header", ["id,name,email", "ID,Name,E-Mail", "학번,이름,이메일"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_class_list_of_any_spreadsheet(write, encoding, header, delimiter, newline):
    rows = [header, "20251234,김철수,kim@x.ac.kr", '20255678,"Lee| Jinho",jinho@x.ac.kr', ""]
    text = newline.join(rows).replace(",", delimiter).replace("|", ",")

    assert read_roster(write(text, encoding)) == CLASS


def test_only_ids_are_needed_and_other_columns_are_passed_over(write):
    found = read_roster(write("seat,ID\nA,7\n\nB,8\n"))

    assert found == (RosterEntry("7"), RosterEntry("8"))


def test_names_of_a_mac_are_composed(write):
    (found,) = read_roster(write(unicodedata.normalize("NFD", "학번,이름\n1,김철수\n")))

    assert found.name == "김철수"


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("", "line 1: no column id; accepted names: .*학번"),
        ("name,email\nkim,k@x.kr\n", "line 1: no column id"),
        ("id,name\n1,kim\n,lee\n", "line 3: the id is missing"),
        ("id,name\n1,kim\n2,lee\n1,park\n", "line 4: 1 occurs twice"),
        ("id,name\nA-1,kim\na1,park\n", "line 3: a1 occurs twice"),
        ("id,name\n", "contains no students"),
        ("id,name\n" + "1" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_class_list_that_is_wrong_is_reported_with_the_line(write, text, complaint):
    with pytest.raises(UserError, match=complaint):
        read_roster(write(text))


def test_class_list_that_cannot_be_read_is_reported(tmp_path):
    with pytest.raises(UserError, match=r"can't read .*no\.csv: No such file"):
        read_roster(tmp_path / "no.csv")


def test_class_list_in_another_encoding_is_reported(tmp_path):
    path = tmp_path / "roster.xlsx"
    path.write_bytes(b"PK\3\4\xff\xff\x81")

    with pytest.raises(UserError, match="UTF-8 or CP949 text"):
        read_roster(path)


def test_extensions_by_student_and_assignment(write, dated):
    path = write("student,assignment,due\nkim,wine,2025-05-03T23:59:00+09:00\n")

    assert read_extensions(path, dated) == {
        ("kim", "wine"): datetime(2025, 5, 3, 23, 59, tzinfo=KST)
    }


@pytest.mark.parametrize("student", ["20251234", "김철수", "KIM@x.ac.kr"])
def test_student_with_an_extension_is_known_to_the_roster(write, dated, student):
    path = write(f"학생;과제;마감\n{student};wine;2025-05-03T14:59:00Z\n")

    assert set(read_extensions(path, dated, CLASS)) == {("20251234", "wine")}


@pytest.mark.parametrize(
    "row, complaint",
    [
        ("park,wine,2025-05-03T23:59:00+09:00", "line 2: park isn't in the roster"),
        (",wine,2025-05-03T23:59:00+09:00", "line 2: the student is missing"),
        ("20251234,beer,2025-05-03T23:59:00+09:00", "line 2: beer isn't an assignment with a due"),
        (
            "20251234,binary,2025-05-03T23:59:00+09:00",
            "line 2: binary isn't an assignment with a due",
        ),
        ("20251234,wine,2025-05-03T23:59:00", "line 2: the due date must have a time zone"),
        ("20251234,wine,tomorrow", "line 2: the due date must .* tomorrow"),
        ("20251234,wine", "line 2: the due date must"),
        ("20251234,wine,2025-05-01T12:00:00Z", "after 2025-05-01T23:59:00"),
    ],
)
def test_extension_that_is_wrong_is_reported_with_the_line(write, dated, row, complaint):
    with pytest.raises(UserError, match=complaint):
        read_extensions(write(f"student,assignment,due\n{row}\n"), dated, CLASS)


ids = st.text("abcdefghij0123456789", min_size=1, max_size=8)
cells = st.text(st.characters(categories=["Lu", "Lo", "Nd", "Po", "Sm"]), max_size=12)


@given(rows=st.lists(st.tuples(ids, cells), min_size=1, max_size=5, unique_by=lambda row: row[0]))
def test_what_a_spreadsheet_writes_is_read(tmp_path_factory, rows):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("id", "name"), *rows])
    path = tmp_path_factory.mktemp("roster") / "roster.csv"
    path.write_text(buffer.getvalue(), encoding="utf-8-sig", newline="")

    found = read_roster(path)

    expected = [(id_, unicodedata.normalize("NFC", name)) for id_, name in rows]
    assert [(each.id, each.name) for each in found] == expected


@pytest.mark.parametrize(
    "text, entry",
    [
        (
            "Student,ID,SIS User ID,SIS Login ID,HW (1)\n,,,,Manual Posting\n    Points Possible,,,,9\n"
            '"Kim, Minji",101,2024,mkim,\n"Student, Test",9,,,\n',
            RosterEntry("2024", "Kim, Minji", "mkim"),
        ),
        (
            "Student,ID,SIS User ID,SIS Login ID,Section,HW (1)\n"
            '"Kim, Minji",101,2024,mkim,CS-2,\n',
            RosterEntry("2024", "Kim, Minji", "mkim", section="CS-2"),
        ),
        ("학번,이름,분반\n2024,김민지,가\n", RosterEntry("2024", "김민지", section="가")),
        (
            "First name,Last name,ID number,Email address\nMinji,Kim,2024,m@x.kr\n",
            RosterEntry("2024", "Minji Kim", "m@x.kr"),
        ),
        ("성,이름,ID 번호\n김,민지,2024\n", RosterEntry("2024", "김민지")),
        (
            "출석부,,\n\n순번;학번;성명\n1;2024;김민지\n".replace(";", ","),
            RosterEntry("2024", "김민지"),
        ),
    ],
)
def test_class_list_of_a_platform_is_read(tmp_path, text, entry):
    path = tmp_path / "class.csv"
    path.write_text(text, encoding="utf-8")

    assert read_roster(path) == (entry,)
