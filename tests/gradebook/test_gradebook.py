"""The gradebook stores reports atomically, on SQLite and PostgreSQL, and never loses one."""

import io
import re
import sqlite3
import tempfile
import threading
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, func, select, update

from grader import gradebook
from grader.gradebook import Gradebook, Task, desk, digest_of, people, uploads
from grader.gradebook.changes import Why, kept_best
from grader.gradebook.opening import transaction
from grader.gradebook.schema import HAND_IN, METADATA, REPORT
from grader.model.assignment import load_assignment
from grader.model.errors import UserError
from grader.model.record import (
    Adjustment,
    Comment,
    RosterEntry,
    Standing,
    TeamMember,
    Total,
    Unmatched,
)
from grader.model.score import ItemResult, Place, ScoreReport, Verdict
from grader.model.submission import parse_submission
from grader.model.text import Text

SETTINGS = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["double"]

[[items]]
id = "double"
title = { ko = "두 배", en = "Double" }
points = 10
"""
SEOUL = timezone(timedelta(hours=9))
NOON = datetime(2025, 5, 1, 12, tzinfo=SEOUL)
EXCUSED = Adjustment(points=0, reason="병가", author="ta", made_at=NOON, excused=True)
GIVEN = Adjustment(points=-2.5, reason="베낌", author="ta", made_at=NOON, item="double")


@pytest.fixture
def book(url, tmp_path):
    with Gradebook(tmp_path, url, create=True) as book:
        yield book


def test_students_with_an_account_belong_to_the_class(book):
    accounts = [
        people.Account(id="7", name="Lee Jun", email="jun@example.edu", section="A"),
        people.Account(id="ta", name="Choi", role="assistant"),
    ]
    with transaction(book.engine) as connection:
        people.put_accounts(connection, accounts)
    (student,) = book.class_record().students
    assert (student.id, student.name, student.section) == ("7", "Lee Jun", "A")
    assert book.person_id("Lee Jun") == book.person_id("jun@example.edu") == "7"


@pytest.fixture
def tiny(tmp_path):
    def make(settings=SETTINGS):
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        (folder / "assignment.toml").write_text(settings, encoding="utf-8")
        return load_assignment(folder)

    return make


def hand_in(assignment, student="kim", source="x = 1", file="x.py", **fields):
    submission = parse_submission(file, source.encode())
    return Task(
        student=student,
        assignment=assignment,
        digest=digest_of(assignment),
        file=file,
        sha256=submission.sha256,
        load=lambda: submission,
        **{"origin": f"{student}/{file}"} | fields,
    )


def report_on(task, points=10.0, **fields):
    item = ItemResult(
        id="double",
        title=Text(ko="두 배", en="Double"),
        points=points,
        max_points=10,
        verdict=Verdict.UNGRADED if points is None else Verdict.PASSED,
        message=Text(ko="", en=""),
    )
    return ScoreReport(
        assignment=task.assignment.name,
        student=task.student,
        submission=task.file,
        sha256=task.sha256,
        items=(item,),
        gradable=points is not None,
        isolation="full",
        **fields,
    )


def grade(book, *tasks, points=10.0, **fields):
    """A run that grades what is new."""
    run = book.begin_run(["in"], {task.digest: task.assignment for task in tasks})
    left = book.keep_known(run, tasks)
    for task in left:
        book.save(run, task, task.load(), report_on(task, points), **fields)
    book.end_run(run)
    return left


def history(book, url):
    engine = create_engine(url)
    with engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(REPORT)).scalar()
    engine.dispose()
    return count


def test_what_lands_is_read_back(book, tiny):
    task = hand_in(tiny(), "김철수", handed_in=NOON, late_days=2, penalty=1.5)
    report = report_on(task, output="\0 \N{SNOWMAN} '; drop table report; --")
    begin = datetime.now(UTC)
    run = book.begin_run(["in"], {task.digest: task.assignment})

    book.save(run, task, task.load(), report, how="mixed")

    (record,) = book.class_record().records
    assert record.report == report
    assert record.origin == "김철수/x.py"
    assert (record.handed_in, record.handed_in.utcoffset()) == (NOON, timedelta(hours=9))
    assert (record.late_days, record.penalty, record.how) == (2, 1.5, "mixed")
    assert record.cells == task.load().cells
    assert begin <= record.graded_at <= datetime.now(UTC)
    assert record.counts
    assert record.score == 8.5


def test_it_is_there_when_opened_again(url, tmp_path, tiny):
    with Gradebook(tmp_path, url, create=True) as first:
        grade(first, hand_in(tiny()))
        before = first.class_record()

    with Gradebook(tmp_path, url) as second:
        assert second.class_record() == before
        assert len(before.records) == 1
        assert before.assignments == (tiny(),)


def test_only_what_is_new_is_left_to_grade(book, tiny):
    kim, lee = hand_in(tiny(), "kim", "x = 1"), hand_in(tiny(), "lee", "x = 2")

    assert grade(book, kim) == [kim]
    assert grade(book, kim, lee) == [lee]
    assert grade(book, kim, lee) == []


def test_changed_bytes_are_graded_and_the_old_hand_in_stays(book, tiny):
    old, new = hand_in(tiny(), source="x = 1"), hand_in(tiny(), source="x = 2")
    grade(book, old, points=3)

    assert grade(book, new, points=7) == [new]

    records = book.class_record().records
    assert [(r.score, r.counts) for r in records] == [(3, False), (7, True)]


@pytest.mark.parametrize("file", ["assignment.toml", "test_tiny.py", "data/solution.py"])
def test_a_changed_assignment_is_graded_again(book, tiny, file, url):
    folder = tiny().folder
    grade(book, hand_in(load_assignment(folder)), points=3)
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as text:
        text.write("# other\n")
    again = hand_in(load_assignment(folder))

    assert grade(book, again, points=7) == [again]

    (record,) = book.class_record().records
    assert record.score == 7
    assert history(book, url) == 2


@pytest.mark.parametrize("file", ["__pycache__/x.pyc", ".pytest_cache/v", ".DS_Store"])
def test_caches_change_no_assignment(tiny, file):
    before = digest_of(tiny())
    path = tiny().folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")

    assert digest_of(tiny()) == before


def test_a_renamed_file_changes_the_assignment(tiny):
    (tiny().folder / "a.py").write_text("x")
    before = digest_of(tiny())
    (tiny().folder / "a.py").rename(tiny().folder / "b.py")

    assert digest_of(tiny()) != before


def test_another_version_of_the_grader_grades_again(book, tiny, monkeypatch):
    task = hand_in(tiny())
    grade(book, task)
    monkeypatch.setattr(gradebook, "__version__", "99")

    assert grade(book, task) == [task]


def test_what_was_left_ungraded_is_graded_again(book, tiny):
    task = hand_in(tiny())
    grade(book, task, points=None)

    assert grade(book, task, points=4) == [task]

    (record,) = book.class_record().records
    assert record.score == 4


def test_an_assignment_that_is_changed_back_finds_its_report(book, tiny, url):
    task, other = hand_in(tiny()), hand_in(tiny(SETTINGS + "# other"))
    grade(book, task, points=3)
    grade(book, other, points=7)

    assert grade(book, task) == []

    (record,) = book.class_record().records
    assert record.score == 3
    assert history(book, url) == 3


def test_a_notebook_that_two_students_hand_in_is_graded_once(book, tiny):
    notebook = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    kim = hand_in(tiny(), "kim", notebook, "kim_wine.ipynb")
    lee = hand_in(tiny(), "lee", notebook, "와인.IPYNB")
    grade(book, kim, points=6)

    assert grade(book, kim, lee) == []

    records = book.class_record().records
    told = [(r.report.student, r.report.submission, r.score) for r in records]
    assert told == [("kim", "kim_wine.ipynb", 6), ("lee", "와인.IPYNB", 6)]


def test_a_script_of_another_name_is_graded_as_messages_tell_the_name(book, tiny):
    grade(book, hand_in(tiny(), "kim", file="kim_wine.py"))
    lee, park = hand_in(tiny(), "lee", file="lee.py"), hand_in(tiny(), "park", file="kim_wine.py")

    assert grade(book, lee, park) == [lee]


def test_the_latest_hand_in_counts(book, tiny):
    early = hand_in(tiny(), source="x = 1", handed_in=NOON, origin="b.py")
    late = hand_in(
        tiny(), source="x = 2", handed_in=datetime(2025, 5, 1, 4, tzinfo=UTC), origin="a.py"
    )
    grade(book, late, points=3)
    grade(book, late, early, points=9)

    records = book.class_record().records
    assert [(r.score, r.counts) for r in records] == [(9, False), (3, True)]


def test_a_file_that_was_replaced_by_an_older_one_no_longer_counts(book, tiny):
    wrong = hand_in(tiny(), source="x = 1", handed_in=NOON)
    corrected = hand_in(tiny(), source="x = 2", handed_in=NOON - timedelta(days=1))
    grade(book, wrong, points=3)
    grade(book, corrected, points=9)

    assert [(r.score, r.counts) for r in book.class_record().records] == [(3, False), (9, True)]


def test_a_file_that_is_no_longer_there_still_counts(book, tiny):
    grade(book, hand_in(tiny(), "kim"), points=3)
    grade(book, hand_in(tiny(), "lee", "x = 2"), points=9)

    assert [(r.report.student, r.counts) for r in book.class_record().records] == [
        ("kim", True),
        ("lee", True),
    ]


def test_a_file_that_is_known_to_be_anothers_is_no_longer_the_firsts(book, tiny):
    grade(
        book, hand_in(tiny(), "20251", origin="a.py"), hand_in(tiny(), "20252", "y", origin="b.py")
    )
    again = hand_in(tiny(), "20259", origin="a.py")
    run = book.begin_run(["in"], {again.digest: again.assignment})
    book.keep_known(run, [again])

    assert {r.report.student for r in book.class_record().records} == {"20251", "20252", "20259"}

    book.end_run(run)

    assert {r.report.student for r in book.class_record().records} == {"20252", "20259"}


def test_hand_ins_of_one_time_count_in_the_order_of_their_names(book, tiny):
    one, other = (
        hand_in(tiny(), source=f"x = '{name}'", handed_in=NOON, origin=name) for name in ("b", "a")
    )
    grade(book, one, other)

    assert [r.origin for r in book.class_record().records if r.counts] == ["b"]


def test_a_file_that_is_changed_back_counts_again(book, tiny):
    first, second = hand_in(tiny(), source="x = 1"), hand_in(tiny(), source="x = 2")
    grade(book, first, points=3)
    grade(book, second, points=9)
    grade(book, first)

    assert [r.score for r in book.class_record().records if r.counts] == [3]


def test_the_best_hand_in_counts_where_the_settings_say_so(book, tiny):
    best = tiny('counts = "best"\n' + SETTINGS)
    grade(book, hand_in(best, source="x = 1", handed_in=NOON, late_days=1), points=9)
    later = NOON + timedelta(days=1)
    grade(book, hand_in(best, source="x = 2", handed_in=later, penalty=5), points=10)

    records = book.class_record().records
    assert [(r.score, r.counts) for r in records] == [(9, True), (5, False)]


def test_lateness_that_is_reported_otherwise_later_is_taken_in(book, tiny):
    grade(book, hand_in(tiny(), late_days=2, penalty=4))

    assert grade(book, hand_in(tiny(), late_days=0, penalty=0)) == []

    (record,) = book.class_record().records
    assert (record.late_days, record.score) == (0, 10)


def test_adjustments_survive_regrades(book, tiny):
    grade(book, hand_in(tiny()))
    book.adjust("kim", "tiny", GIVEN)
    book.adjust("kim", "tiny", msgspec.structs.replace(GIVEN, points=1, item=None))
    grade(book, hand_in(tiny(SETTINGS + "# other")), points=8)

    (record,) = book.class_record().records
    assert record.adjustments[0] == GIVEN
    assert [a.points for a in record.adjustments] == [-2.5, 1]
    assert record.score == 6.5


@pytest.mark.parametrize(
    "student, assignment, item, words",
    [
        ("lee", "tiny", None, "lee"),
        ("kim", "beer", None, "available: tiny"),
        ("kim", "tiny", "treble", "available items: double"),
    ],
)
def test_adjusting_what_is_unknown_is_refused(book, tiny, student, assignment, item, words):
    grade(book, hand_in(tiny()))

    with pytest.raises(UserError, match=words):
        book.adjust(student, assignment, msgspec.structs.replace(GIVEN, item=item))

    (record,) = book.class_record().records
    assert record.adjustments == ()


def test_adjusting_what_was_not_handed_in_is_refused(book, tiny):
    other = tiny(SETTINGS.replace('"tiny"', '"other"'))
    book.begin_run(["in"], {digest_of(other): other})
    grade(book, hand_in(tiny()))

    with pytest.raises(UserError, match="only for: tiny"):
        book.adjust("kim", "other", GIVEN)


def test_a_roster_is_kept_in_its_order_until_another_one_comes(book):
    kim, lee = RosterEntry("2025-2", "김철수", "k@x.kr"), RosterEntry("2025-1")
    book.begin_run(["in"], {}, roster=[kim, lee])
    book.begin_run(["in"], {})

    assert book.class_record().roster == (kim, lee)

    book.begin_run(["in"], {}, roster=[lee])

    assert book.class_record().roster == (lee,)


def test_who_dropped_the_course_is_kept_but_in_no_record_and_no_total(book, tiny):
    kim, lee = RosterEntry("kim", "김철수"), RosterEntry("lee", "이영희")
    book.begin_run(["in"], {}, roster=[kim, lee])
    grade(book, hand_in(tiny()))
    grade(book, hand_in(tiny(), "lee", "x = 2"), points=5)

    book.begin_run(["in"], {}, roster=[kim])

    record = book.class_record()
    assert [r.report.student for r in record.records] == ["kim"]
    assert record.dropped == (lee,)
    assert record.standings == {
        ("kim", "tiny"): Standing.HANDED_IN,
        ("lee", "tiny"): Standing.DROPPED,
    }
    assert book.totals() == (Total("tiny", 1, 10, 0),)
    with pytest.raises(UserError, match="lee is no longer on the roster"):
        record.only(student="lee")
    with pytest.raises(UserError, match="no longer on the roster"):
        book.adjust("이영희", "tiny", GIVEN)

    book.begin_run(["in"], {}, roster=[kim, lee])

    assert [r.report.student for r in book.class_record().records] == ["kim", "lee"]


def test_an_id_that_was_corrected_in_the_roster_keeps_its_work(book, tiny):
    book.begin_run(["in"], {}, roster=[RosterEntry("2025-1", "김철수", "k@x.kr")])
    grade(book, hand_in(tiny(), "2025-1"))
    book.adjust("2025-1", "tiny", GIVEN)
    corrected = [RosterEntry("2025-2", "김철수", "k@x.kr"), RosterEntry("2025-3", "김철수")]

    assert book.renumber(corrected) == (("2025-1", "2025-2"),)
    assert book.renumber(corrected) == ()
    book.begin_run(["in"], {}, roster=corrected)

    record = book.class_record()
    assert record.dropped == ()
    assert record.counting["2025-2", "tiny"].report.student == "2025-2"
    assert record.counting["2025-2", "tiny"].score == 7.5


def test_who_is_excused_is_out_of_the_totals_with_or_without_a_hand_in(book, tiny):
    book.begin_run(["in"], {}, roster=[RosterEntry(id_) for id_ in ("kim", "lee", "park")])
    grade(book, hand_in(tiny()))
    grade(book, hand_in(tiny(), "park", "x = 2"), points=4)

    done = book.adjust("kim", "tiny", EXCUSED)
    book.adjust("lee", "tiny", EXCUSED)

    record = book.class_record()
    assert (done.before, done.after) == (10, None)
    assert [record.standings[who, "tiny"].value for who in ("kim", "lee", "park")] == [
        *("excused", "excused", "handed_in"),
    ]
    assert list(record.counting) == [("park", "tiny")]
    assert book.totals() == (Total("tiny", 1, 4, 0),)
    with pytest.raises(UserError, match="kim is excused from tiny"):
        book.adjust("kim", "tiny", GIVEN)

    book.undo(done.decision.id, "prof")

    assert book.class_record().counting["kim", "tiny"].score == 10
    assert [each.undone_by for each in book.decisions()] == ["prof", None]
    with pytest.raises(UserError, match="no adjustment 1 to undo"):
        book.undo(done.decision.id, "prof")


def test_a_hand_in_counts_for_the_whole_team(book, tiny):
    kim, lee = RosterEntry("kim", team="가"), RosterEntry("lee", team="가")
    book.begin_run(["in"], {}, roster=[kim, lee, RosterEntry("park")])
    grade(book, hand_in(tiny(), handed_in=NOON))
    book.adjust("lee", "tiny", GIVEN)

    record = book.class_record()
    scores = {who: (r.score, r.handed_in_by) for (who, _), r in record.counting.items()}
    assert scores == {"kim": (10, ""), "lee": (7.5, "kim")}
    assert record.counting["lee", "tiny"].report.student == "lee"

    grade(book, hand_in(tiny(), "lee", "x = 2", handed_in=NOON + timedelta(1)), points=4)

    scores = {who: r.score for (who, _), r in book.class_record().counting.items()}
    assert scores == {"kim": 4, "lee": 1.5}  # the last one of the team


def test_a_team_keeps_its_hand_in_when_the_member_who_handed_it_in_drops_the_course(book, tiny):
    kim, lee = RosterEntry("kim", team="가"), RosterEntry("lee", team="가")
    book.begin_run(["in"], {}, roster=[kim, lee])
    grade(book, hand_in(tiny()))

    book.begin_run(["other"], {}, roster=[lee])

    assert list(book.class_record().counting) == [("lee", "tiny")]
    assert [each.score for each in book.records_of("lee")] == [10]


def test_teams_of_a_file_may_be_for_one_assignment(book, tiny):
    other = tiny(SETTINGS.replace('"tiny"', '"other"'))
    grade(book, hand_in(other, file="other.py"))
    grade(book, hand_in(tiny()))
    teams = [TeamMember(who, "가", "tiny") for who in ("kim", "lee")]

    book.begin_run(["in"], {}, teams=teams)

    assert sorted(book.class_record().counting) == [
        *(("kim", "other"), ("kim", "tiny"), ("lee", "tiny")),
    ]


SAID = Comment(words="see **lesson 3**", author="ta", made_at=NOON)


def test_comments_follow_their_line_through_regrades(book, tiny):
    grade(book, hand_in(tiny(), source="import torch\nx = 1"))

    general = book.comment("kim", "tiny", SAID)
    on_item = book.comment("kim", "tiny", msgspec.structs.replace(SAID, item="double"))
    on_line = book.comment("kim", "tiny", SAID, line=2)

    (record,) = book.class_record().records
    assert record.comments == (general, on_item, on_line)
    assert (on_line.place, on_line.quote) == (Place("x.py", 2), "x = 1")

    grade(book, hand_in(tiny(), source="import torch\n\nx = 1", handed_in=NOON))
    *_, moved = book.class_record().counting["kim", "tiny"].comments
    assert moved.place == Place("x.py", 3)

    grade(book, hand_in(tiny(), source="y = 1", handed_in=NOON + timedelta(1)))
    *_, gone = book.class_record().counting["kim", "tiny"].comments
    assert (gone.place, gone.quote) == (None, "x = 1")


def test_a_withdrawn_comment_is_listed_but_not_shown(book, tiny):
    grade(book, hand_in(tiny()))
    said = book.comment("kim", "tiny", SAID)

    book.undo_comment(said.id, "prof")

    assert [(each.words, each.undone_by) for each in book.comments()] == [(SAID.words, "prof")]
    assert book.class_record().records[0].comments == ()
    with pytest.raises(UserError, match="no comment 1 to undo"):
        book.undo_comment(said.id, "prof")


@pytest.mark.parametrize(
    "student, assignment, item, where, words",
    [
        ("lee", "tiny", None, {}, "called lee"),
        ("kim", "beer", None, {}, "available: tiny"),
        ("kim", "tiny", "treble", {}, "available items: double"),
        ("kim", "tiny", None, {"line": 2}, r"has no x\.py, line 2"),
        ("kim", "tiny", None, {"cell": 3, "line": 1}, "has no cell 3, line 1"),
    ],
)
def test_comments_on_what_is_not_there_are_refused(
    book, tiny, student, assignment, item, where, words
):
    grade(book, hand_in(tiny()))

    with pytest.raises(UserError, match=words):
        book.comment(student, assignment, msgspec.structs.replace(SAID, item=item), **where)

    assert book.comments() == ()


def test_unmatched_files_are_those_of_the_last_run_over_the_same_paths(book):
    week1, week2, mended = (Unmatched(f"{n}.py", Text(ko="가", en="a")) for n in "123")
    book.begin_run(["week1"], {}, [week1])
    book.begin_run(["week2"], {}, [week2])
    assert book.class_record().unmatched == (week1, week2)

    book.begin_run(["week1"], {}, [mended])

    assert book.class_record().unmatched == (week2, mended)


def test_a_recording_is_found_by_content_whatever_the_checks_are(book, tiny):
    grade(book, hand_in(tiny()), recording=b"\0old")
    grade(book, hand_in(tiny(SETTINGS + "# other")), recording=b"\0new")

    assert book.recording(hand_in(tiny(SETTINGS + "# third"), "lee")) == b"\0new"
    assert book.recording(hand_in(tiny(), source="x = 2")) is None


def test_durations_and_totals(book, tiny):
    kim, lee = hand_in(tiny(), "kim", "x = 1"), hand_in(tiny(), "lee", "x = 2")
    grade(book, kim, points=4, seconds=2.5)
    grade(book, lee, points=None, seconds=1)

    assert book.durations() == {("tiny", kim.sha256): 2.5, ("tiny", lee.sha256): 1}
    assert book.totals() == (Total("tiny", 2, 4.0, 1),)


def test_a_mean_of_what_is_all_ungraded_is_none(book, tiny):
    grade(book, hand_in(tiny()), points=None)

    assert book.totals() == (Total("tiny", 1, None, 1),)


def test_a_report_lands_whole_or_not_at_all(book, tiny):
    task = hand_in(tiny())
    run = book.begin_run(["in"], {task.digest: task.assignment})

    with pytest.raises(UserError, match="can't use the gradebook"):
        book.save(
            run, msgspec.structs.replace(task, digest="unknown"), task.load(), report_on(task)
        )

    with pytest.raises(UserError, match="called kim"):
        book.adjust("kim", "tiny", GIVEN)
    assert book.class_record().records == ()


def test_several_may_write_at_once(url, tmp_path, tiny):
    with Gradebook(tmp_path, url, create=True):
        pass
    assignment = tiny()

    def write(number):
        with Gradebook(tmp_path, url) as book:
            grade(book, *(hand_in(assignment, f"s{number}", f"x = {n}") for n in range(15)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Gradebook(tmp_path, url) as book:
        assert len(book.class_record().records) == 60


def test_the_migrations_make_the_tables_of_the_schema(book, url):
    engine = create_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()

    assert differences == []


def test_a_newer_gradebook_is_refused_and_left_alone(book, url, tmp_path):
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    engine.dispose()

    with pytest.raises(UserError, match=r"newer grader \(schema 9999\)"):
        Gradebook(tmp_path, url)


def test_a_database_that_is_no_gradebook_is_refused(empty_url, tmp_path):
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table holidays (day text)")
    engine.dispose()

    with pytest.raises(UserError, match="not a gradebook"):
        Gradebook(tmp_path, empty_url, create=True)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "gradebook.db").write_text("kim;100\n" * 1000)

    with pytest.raises(UserError, match="not a database"):
        Gradebook(tmp_path)


def test_no_gradebook_is_made_by_reading(tmp_path):
    with pytest.raises(UserError, match="there is no gradebook"):
        Gradebook(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["results.db", "mysql://x/y", "postgresql://u:secret@/x?host=/none"]
)
def test_an_address_that_leads_nowhere_is_one_sentence_without_password(tmp_path, url):
    with pytest.raises(UserError) as error:
        Gradebook(tmp_path, url, create=True)

    assert "secret" not in error.value.text.en
    assert "\n" not in error.value.text.en


def test_the_database_keeps_what_it_was_told_when_the_power_fails(tmp_path):
    with Gradebook(tmp_path, create=True) as book, book.engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        values = [connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in pragmas]

    assert values == ["wal", 2, 1]


def test_a_locked_gradebook_is_one_sentence(tmp_path):
    with Gradebook(tmp_path, create=True, busy_seconds=0.2) as book:
        other = sqlite3.connect(tmp_path / "gradebook.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(UserError, match="database is locked"):
            book.begin_run(["in"], {})

        other.execute("ROLLBACK")
        other.close()
        assert book.begin_run(["in"], {}) == 1


@pytest.mark.long
@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_name_is_kept_as_it_is(name):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tiny").mkdir()
        (Path(folder) / "tiny" / "assignment.toml").write_text(SETTINGS, encoding="utf-8")
        task = hand_in(load_assignment(Path(folder) / "tiny"), name, origin=name)
        with Gradebook(Path(folder), create=True) as book:
            grade(book, task)

            (record,) = book.class_record().records
            assert (record.report.student, record.origin) == (name, name)
            assert grade(book, task) == []


def test_the_same_bytes_of_a_student_are_one_hand_in_wherever_they_are_found(book, tiny):
    first = hand_in(tiny(), origin="submissions.zip/kim/x.py", handed_in=NOON)
    again = hand_in(tiny(), origin="submissions (1).zip/kim/x.py", handed_in=NOON)
    other = hand_in(tiny(), "lee", origin="submissions (1).zip/lee/x.py")
    grade(book, first)
    left = grade(book, again, other)

    records = book.class_record().records
    assert left == []
    assert [(r.report.student, r.origin) for r in records] == [
        ("kim", "submissions (1).zip/kim/x.py"),
        ("lee", "submissions (1).zip/lee/x.py"),
    ]


def test_an_older_gradebook_keeps_the_reports_of_hand_ins_that_become_one(url, tmp_path, tiny):
    with Gradebook(tmp_path, url, create=True) as book:
        grade(book, hand_in(tiny(), origin="a/x.py"))
        with book.engine.begin() as connection:
            connection.exec_driver_sql("DROP INDEX hand_in_of_bytes")
            for table in (METADATA.tables["hand_in"], REPORT):
                row = dict(connection.execute(table.select()).mappings().first())
                row.pop("id")
                changed = {"origin": "b/x.py"} if "origin" in row else {"hand_in_id": 2}
                connection.execute(table.insert().values(row | changed))
            for column in (
                "unmatched DROP COLUMN student",
                "roster DROP COLUMN section",
                "hand_in DROP COLUMN due",
                "report DROP COLUMN summary",
            ):
                connection.exec_driver_sql(f"ALTER TABLE {column}")
            for name in reversed(
                [
                    "account",
                    "sign_in_link",
                    "session",
                    "upload",
                    "job",
                    "extension",
                    "release",
                    "question",
                    "event",
                    "handed_back",
                    "version",
                ]
            ):
                METADATA.tables[name].drop(connection)
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")

    with Gradebook(tmp_path, url) as book:
        (record,) = book.class_record().records
        assert (record.origin, record.score) == ("b/x.py", 10)
        with book.engine.connect() as connection:
            assert len(connection.execute(REPORT.select()).all()) == 2


def test_changes_say_whose_score_changed_in_which_item_and_why(book, tiny, monkeypatch):
    assignment = tiny()
    grade(book, hand_in(assignment), hand_in(assignment, "lee", "x = 2"))
    grade(book, hand_in(assignment, "park", "x = 3"), points=5)

    (new,) = book.changes()
    assert (new.student, new.before, new.after, new.why) == ("park", None, 5, (Why.FILE,))

    grade(book, hand_in(tiny(SETTINGS + "# other")), points=8)
    (changed,) = book.changes()
    assert (changed.student, changed.before, changed.after) == ("kim", 10, 8)
    assert [(item.title.en, item.before, item.after) for item in changed.items] == [
        ("Double", 10, 8),
    ]
    assert changed.why == (Why.CHECKS,)

    grade(book, hand_in(tiny(SETTINGS.replace("= 10", "= 9"))), points=7)
    assert book.changes()[0].why == (Why.SETTINGS,)
    monkeypatch.setattr(gradebook, "__version__", "99")
    grade(book, hand_in(tiny(SETTINGS.replace("= 10", "= 9"))), points=6)
    assert book.changes()[0].why == (Why.GRADER,)
    grade(book, hand_in(assignment, "lee", "x = 4", handed_in=NOON, penalty=1), points=9)
    assert [(c.student, c.before, c.after, c.why) for c in book.changes()] == [
        ("lee", 10, 8, (Why.FILE, Why.CHECKS, Why.GRADER, Why.LATENESS)),
    ]
    assert {c.student: c.after for c in book.changes(since=1)} == {"kim": 6, "lee": 8, "park": 5}
    with pytest.raises(UserError, match=r"no such earlier run .* runs: 1 \("):
        book.changes(since=77)


def test_a_change_of_what_counts_is_a_change_of_the_score(book, tiny):
    later = NOON + timedelta(hours=1)
    for text in (SETTINGS, 'counts = "best"\n' + SETTINGS):
        found = tiny(text)
        first = hand_in(found, source="x = 1", handed_in=NOON)
        second = hand_in(found, source="x = 2", handed_in=later)
        run = book.begin_run(["in"], {first.digest: found})
        for task, points in ((first, 10), (second, 8)):
            book.save(run, task, task.load(), report_on(task, points))
        book.end_run(run)
    assert [(c.before, c.after) for c in book.changes()] == [(8, 10)]


def test_a_score_that_was_published_is_kept_once(book, tiny):
    grade(book, hand_in(tiny()), hand_in(tiny(), "lee", "x = 2"))
    book.adjust("lee", "tiny", GIVEN)
    grade(book, hand_in(tiny(SETTINGS + "# other")), points=4)

    lowered = book.changes()
    book.adjust_all(kept_best(lowered, "prof", "kept", datetime.now(UTC)))

    assert book.class_record().counting["kim", "tiny"].score == 10
    assert book.class_record().counting["lee", "tiny"].score == 7.5
    assert [(c.before, c.after, c.why) for c in book.changes()] == [
        (10, 10, (Why.CHECKS, Why.ADJUSTMENT)),
    ]
    assert kept_best(book.changes(), "prof", "kept", datetime.now(UTC)) == ()


SECRET = "Mildred-2025777"


@pytest.mark.parametrize("scores", [False, True])
def test_whoever_is_forgotten_is_nowhere_in_the_gradebook(book, url, tmp_path, tiny, scores):
    book.begin_run(["in"], {}, roster=[RosterEntry(SECRET, "Mildred Vane"), RosterEntry("kim")])
    grade(book, hand_in(tiny(), SECRET, f"x = {SECRET!r}"), recording=SECRET.encode())
    grade(book, hand_in(tiny()))
    reason = f"{SECRET} told me"
    book.adjust(SECRET, "tiny", msgspec.structs.replace(GIVEN, reason=reason))
    book.comment(SECRET, "tiny", SAID)
    unmatched = Unmatched(f"in/{SECRET}.txt", Text(ko="가", en="a"))
    book.begin_run(["other"], {}, [unmatched], teams=[TeamMember(SECRET, "A")])
    give_an_account(book)
    before = [r.final_score for r in book.records_of(SECRET)]

    done = book.forget(SECRET, scores=scores)

    assert book.forgotten() == (done,)
    assert (done.hand_ins, done.forgotten_at.tzinfo is None) == (1, False)
    record = book.class_record()
    others = [r for r in record.records if r.report.student != "kim"]
    assert [r.final_score for r in others] == ([] if scores else before)
    assert all(re.fullmatch("forgotten-[0-9a-f]{12}", r.report.student) for r in others)
    assert (record.dropped, record.unmatched) == ((), ())
    kept = book.about(SECRET)
    assert (any(kept.tables.values()), kept.files) == (False, {})
    for path in filter(Path.is_file, tmp_path.iterdir()):
        assert SECRET.encode() not in path.read_bytes()
        assert b"Mildred" not in path.read_bytes()


def give_an_account(book):
    """What the web pages keep about somebody."""
    with transaction(book.engine) as connection:
        people.put_accounts(connection, [people.Account(id=SECRET, name="Mildred Vane")])
        people.use_link(connection, people.new_link(connection, SECRET))
        people.new_link(connection, SECRET)
        upload = uploads.add_upload(connection, SECRET, "tiny", "tiny.py", SECRET.encode())
        uploads.hand_in(connection, upload)
        desk.ask(connection, upload.id, "", f"why, asks {SECRET}")
        desk.log(connection, "ta", "viewed", SECRET)
        desk.log(connection, SECRET, "exported", "")


def test_what_the_web_pages_keep_about_somebody_is_part_of_it(book, tiny):
    give_an_account(book)

    kept = book.about(SECRET)

    assert {n: len(rows) for n, rows in kept.tables.items() if rows} == {
        "account": 1,
        "session": 1,
        "sign_in_link": 1,
        "upload": 1,
        "job": 1,
        "question": 1,
        "event": 2,
    }
    assert list(kept.files.values()) == [SECRET.encode()]
    with zipfile.ZipFile(io.BytesIO(kept.zipped())) as archive:
        assert archive.testzip() is None
        assert "gradebook.json" in archive.namelist()


def test_who_was_inactive_for_longer_than_is_kept_is_expired(book, tiny):
    grade(book, hand_in(tiny()))
    grade(book, hand_in(tiny(), "lee", "y = 5"))
    with transaction(book.engine) as connection:
        long_ago = datetime.now(UTC) - timedelta(days=400)
        first = select(HAND_IN.c.id).where(HAND_IN.c.student == "kim")
        old = update(REPORT).where(REPORT.c.hand_in_id.in_(first))
        connection.execute(old.values(graded_at=long_ago))

    assert (book.expired(399), book.expired(401)) == (("kim",), ())
    book.forget("kim")
    assert book.expired(399) == ()


def test_everything_about_a_student_is_there(book, tiny):
    book.begin_run(["in"], {}, roster=[RosterEntry("kim", "김철수", "k@x.kr")])
    grade(book, hand_in(tiny()), recording=b"answers")
    grade(book, hand_in(tiny(SETTINGS + "# other")), points=8)
    grade(book, hand_in(tiny(), "lee", "y = 5"))
    undone = book.adjust("kim", "tiny", GIVEN)
    book.undo(undone.decision.id, "prof")
    book.comment("kim", "tiny", SAID)

    kept = book.about("kim")

    rows = {name: len(rows) for name, rows in kept.tables.items() if rows}
    assert rows == {"roster": 1, "hand_in": 1, "report": 2, "adjustment": 1, "comment": 1}
    assert kept.tables["adjustment"][0]["undone_by"] == "prof"
    assert [row["report"]["items"][0]["points"] for row in kept.tables["report"]] == [10, 8]
    assert kept.files == {
        "code/1-x.py.txt": b"# x.py\nx = 1",
        "recordings/1": b"answers",
    }
