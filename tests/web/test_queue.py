"""The queue: fair order, leases, and gradings that happen once; on SQLite and on PostgreSQL."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from grader.gradebook import Gradebook, queue, uploads
from grader.gradebook.opening import transaction
from grader.gradebook.schema import JOB, REPORT
from grader.grading.executor import LocalExecutor
from grader.grading.work import Workers
from grader.model.score import Verdict

RIGHT = (Path(__file__).parents[1] / "class/binary/wrong_half_done_train_stub.py").read_bytes()
"""All right but the training, which isn't there and takes no time: 60 points."""


@pytest.fixture
def book(url, tmp_path):
    with Gradebook(tmp_path, url, create=True) as book:
        yield book


def hand_in(book, student, assignment="binary", content=RIGHT, **how):
    with transaction(book.engine) as connection:
        upload = uploads.add_upload(connection, student, assignment, "binary.py", content)
        assert uploads.hand_in(connection, upload, **how)
        return upload.id


def claim(book, assignments=("binary", "wine", *(f"a{number}" for number in range(50)))):
    return queue.claim(book.engine, assignments)


def finish(book, job):
    with transaction(book.engine) as connection:
        return queue.finish(connection, job)


def order(book):
    """The uploads in the order in which one worker grades them."""
    found = []
    while job := claim(book):
        found.append(job.upload)
        assert finish(book, job)
    return found


def test_many_uploads_of_one_student_delay_another_by_one_job(book):
    many = [hand_in(book, "kim", f"a{number}") for number in range(50)]
    other = hand_in(book, "lee")
    assert order(book)[:2] == [many[0], other]


def test_a_hand_in_that_was_replaced_comes_last(book):
    first, second, other = hand_in(book, "kim"), hand_in(book, "kim"), hand_in(book, "lee")
    assert order(book) == [other, second, first]


def test_a_single_regrade_comes_before_bulk_regrades(book):
    upload, other = hand_in(book, "kim"), hand_in(book, "lee")
    order(book)
    with transaction(book.engine) as connection:
        queue.enqueue(connection, upload, "kim", "binary", bulk=True)
        queue.enqueue(connection, other, "lee", "binary")
    assert order(book) == [other, upload]


def test_a_student_has_one_running_job_and_keeps_nobody_else_waiting(book):
    other = hand_in(book, "lee")
    order(book)
    hand_in(book, "kim", "binary")
    second = hand_in(book, "kim", "wine")
    with transaction(book.engine) as connection:
        queue.enqueue(connection, other, "lee", "binary", bulk=True)
    first = claim(book)
    assert claim(book).upload == other
    assert claim(book) is None
    finish(book, first)
    assert claim(book).upload == second


def test_a_machine_takes_only_what_it_has_the_checks_for(book):
    hand_in(book, "kim", "gone")
    upload = hand_in(book, "lee")
    assert claim(book).upload == upload
    assert claim(book) is None


def test_what_may_not_start_yet_waits(book):
    hand_in(book, "kim", not_before=time.time() + 60)
    assert claim(book) is None


def test_an_expired_lease_is_back_in_the_queue_and_its_late_report_changes_nothing(book):
    upload = hand_in(book, "kim")
    lost = claim(book)
    expire(book)
    again = claim(book)
    assert (again.upload, again.tries) == (upload, 2)
    assert not queue.renew(book.engine, lost)
    assert not finish(book, lost)
    assert finish(book, again)


def expire(book):
    with transaction(book.engine) as connection:
        connection.execute(update(JOB).values(lease=0.0))


def test_two_workers_never_share_a_job(book):
    for number in range(30):
        hand_in(book, f"s{number}")
    taken = []

    def work():
        while job := claim(book):
            taken.append(job.upload)
            finish(book, job)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken += order(book)  # what a collision of two claims left
    assert len(taken) == len(set(taken)) == 30


def test_a_hand_in_that_ends_every_grader_is_ungraded_and_shown_to_staff(book, assignments, grader):
    hand_in(book, "kim")
    for _ in range(queue.MAX_TRIES):
        claim(book)
        expire(book)
    with Workers(book, LocalExecutor(grader, 1), {"binary": assignments["binary"]}):
        wait_until(lambda: book.records_of("kim"))
    (record,) = book.records_of("kim")
    assert {item.verdict for item in record.report.items} == {Verdict.UNGRADED}
    with transaction(book.reading) as connection:
        (stuck,) = uploads.stuck(connection)
    assert stuck.student == "kim"


@pytest.mark.long
def test_every_hand_in_is_graded_once_by_two_processes_worth_of_workers(book, assignments, grader):
    students = [f"s{number}" for number in range(6)]
    for number, student in enumerate(students):
        hand_in(book, student, content=RIGHT + b"\n# %d" % number)
    known = {"binary": assignments["binary"]}
    executor = LocalExecutor(grader, 2)
    with Workers(book, executor, known), Workers(book, executor, known):
        wait_until(lambda: all(book.records_of(each) for each in students))
    assert all(len(book.records_of(each)) == 1 for each in students)
    assert {record.score for each in students for record in book.records_of(each)} == {60.0}


def wait_until(there):
    end = time.monotonic() + 120
    while not there():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.long
def test_the_estimate_counts_what_is_before_a_hand_in(book, assignments, grader):
    first = hand_in(book, "kim")
    with Workers(book, LocalExecutor(grader, 1), {"binary": assignments["binary"]}):
        wait_until(lambda: book.records_of("kim"))
    with transaction(book.engine) as connection:
        connection.execute(update(REPORT).values(seconds=8.0))
    waiting = [hand_in(book, f"s{number}") for number in range(10)]
    hand_in(book, "tomorrow", not_before=time.time() + 3600)
    claim(book)
    with transaction(book.reading) as connection:
        two, four = (queue.jobs_of(connection, [first, waiting[-1]], n) for n in (2, 4))
    assert two[first].state == "done"
    assert two[waiting[-1]].ahead == 9
    # half of one, eight and its own: (4 + 64) / 2 + 8 = 42, and 25 with four
    assert (two[waiting[-1]].seconds, four[waiting[-1]].seconds) == (40, 30)
