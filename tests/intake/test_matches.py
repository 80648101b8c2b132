"""What nobody can match is written as a list; what an assistant fills in is obeyed."""

import csv

import pytest

from grader.intake import read_matches, write_matches
from grader.model.errors import UserError
from grader.model.record import RosterEntry

ROSTER = (
    RosterEntry("20251234", "김철수"),
    RosterEntry("20255678", "Lee Jinho"),
    RosterEntry("20259999", "Minsu Kim"),
)
NAMES = {each.id: each.name for each in ROSTER}


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill_in(path, **students):
    rows = rows_of(path)
    for row in rows:
        row["student"] = row["student"] or students.get(
            row["file"].split("/")[-1].split(".")[0], ""
        )
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


@pytest.fixture
def matched(find, assignments, tmp_path):
    """Find the hand-ins in paths, and write the list of those that are left."""
    path = tmp_path / "matches.csv"

    def look(*paths, roster=ROSTER):
        said = read_matches(path, assignments, roster)
        found = find(*paths, roster=roster, matches=said)
        write_matches(path, found.open, said, NAMES)
        return [(each.student, each.assignment.name) for each in found.hand_ins], found, path

    return look


def test_list_of_the_unmatched_has_guesses_and_what_is_filled_in_is_obeyed(folder, matched):
    top = folder("jinho_lee2_wine.py", "kimmminsu.py", "20251234_wine.py", "=1,2;3_wine.py")
    (top / "kimmminsu.py").write_text("x = 1\n")

    found, _, path = matched(top)
    rows = {row["file"]: row for row in rows_of(path)}
    fill_in(path, jinho_lee2_wine="20255678", kimmminsu="20259999")
    fill_in(path, **{"=1,2;3_wine": "nobody"})
    with pytest.raises(UserError, match="isn't in the roster"):
        matched(top)

    assert found == [("20251234", "wine")]
    assert rows["class/jinho_lee2_wine.py"]["guess 1"] == "20255678"
    assert rows["class/jinho_lee2_wine.py"]["assignment"] == "wine"
    assert rows["class/kimmminsu.py"]["guess 1"] == "20259999"
    assert {row["student"] for row in rows.values()} == {""}


def test_same_command_again_takes_what_was_filled_in_and_keeps_it(folder, matched):
    top = folder("a/x_wine.py", "-/=1,2;3_wine.py", "20251234_wine.py")
    matched(top)

    _, _, path = matched(top)
    fill_in(path, x_wine="Lee Jinho", **{"=1,2;3_wine": "20259999"})
    for _ in range(2):
        found, intake, _ = matched(top)

        assert sorted(found) == [(id_, "wine") for id_ in ("20251234", "20255678", "20259999")]
        assert (intake.unmatched, intake.open) == ((), ())


def test_one_of_two_places_can_be_chosen(folder, matched):
    top = folder("kim/wine.py", "kim_/wine.py")
    (top / "kim_/wine.py").write_bytes(b"def train(): 1\n")
    found, _, path = matched(top, roster=())
    rows = rows_of(path)
    rows[1]["student"] = "kim2"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)

    again, intake, _ = matched(top, roster=())

    assert found == []
    assert again == [("kim", "wine"), ("kim2", "wine")]
    assert intake.unmatched == ()


def test_file_that_is_nobodys_is_settled_once(folder, matched):
    top = folder("gone_wine.py", "old/former_wine.py", "20251234_wine.py")
    _, before, path = matched(top)
    fill_in(path, gone_wine="-", former_wine="-")

    for _ in range(2):
        found, intake, _ = matched(top)

        assert found == [("20251234", "wine")]
        assert (intake.unmatched, intake.open) == ((), ())
    assert len(before.unmatched) == 2
    assert {row["student"] for row in rows_of(path)} == {"-"}


def test_class_of_which_everything_is_settled_is_empty(folder, matched):
    top = folder("gone_wine.py")
    _, _, path = matched(top)
    fill_in(path, gone_wine="-")

    found, intake, _ = matched(top)

    assert (found, intake.unmatched) == ([], ())


@pytest.mark.parametrize(
    "row, complaint",
    [
        ("class/x.py,nobody,wine", "nobody isn't in the roster"),
        ("class/x.py,20251234,beer", "there is no assignment beer"),
    ],
)
def test_wrong_row_is_reported(assignments, tmp_path, row, complaint):
    path = tmp_path / "matches.csv"
    path.write_text(f"file,student,assignment\n{row}\n")

    with pytest.raises(UserError, match=complaint):
        read_matches(path, assignments, ROSTER)
