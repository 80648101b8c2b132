"""Students and assignments are recognised from file names."""

import os
import unicodedata
from pathlib import Path

import pytest

from grader.intake import hand_in, student_of
from grader.model.errors import UserError

WINE = "def load_data(): ...\ndef build_model(): ...\ndef train(): ...\ndef predict_test_0(): ...\n"


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def make(name, source=WINE):
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        return path

    return make


@pytest.mark.parametrize(
    "name, student",
    [
        ("kim_wine.ipynb", "kim"),
        ("wine_kim.py", "kim"),
        ("kim-wine.py", "kim"),
        ("Kim WINE.py", "Kim"),
        ("s01_wine.py", "s01"),
        ("20251234_김철수_와인.ipynb", "20251234_김철수"),
        ("이진호_wine.py", "이진호"),
        ("wine.ipynb", "wine"),
        ("homework.py", "homework"),
        ("lee.py", "lee"),
    ],
)
def test_student_is_what_the_name_says_besides_the_assignment(assignments, name, student):
    assert student_of(Path(name), assignments["wine"]) == student


def test_student_of_a_mac_is_the_same_as_of_any_other_system(assignments):
    path = Path(unicodedata.normalize("NFD", "김철수_와인.ipynb"))

    assert student_of(path, assignments["wine"]) == "김철수"


def test_name_that_an_archive_left_in_cp949_is_read(tmp_path, assignments):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + "/김철수_와인.py".encode("cp949")))
    path.write_text("def load_data(): ...\n")

    found = hand_in(path, assignments)

    assert (found.student, found.assignment.name) == ("김철수", "wine")


def test_name_in_no_encoding_is_no_fault_of_the_student(tmp_path, assignments):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff_wine.py"))
    path.write_text("def load_data(): ...\n")

    found = hand_in(path, assignments)

    assert found.assignment.name == "wine"
    assert found.student.isprintable()


def test_hand_in_by_its_name(write, assignments):
    found = hand_in(write("kim_binary.py"), assignments)

    assert found.student == "kim"
    assert found.assignment.name == "binary"
    assert found.submission.file == "kim_binary.py"


def test_hand_in_by_its_functions(write, assignments):
    found = hand_in(write("kim.py"), assignments)

    assert (found.student, found.assignment.name) == ("kim", "wine")


def test_hand_in_as_the_user_says(write, assignments):
    found = hand_in(write("kim_wine.py"), assignments, "multinomial")

    assert found.assignment.name == "multinomial"


def test_name_of_a_person_is_not_the_name_of_an_assignment(write, assignments):
    found = hand_in(write("이진호_3.py"), assignments)

    assert (found.student, found.assignment.name) == ("이진호_3", "wine")


def test_name_of_a_person_stays_whole(write, assignments):
    found = hand_in(write("이진호_binary.py"), assignments)

    assert (found.student, found.assignment.name) == ("이진호", "binary")


def test_unknown_assignment_is_reported_with_those_there_are(write, assignments):
    with pytest.raises(UserError) as caught:
        hand_in(write("kim_wine.py"), assignments, "beer")

    assert str(caught.value) == "there is no assignment beer; available: binary, multinomial, wine"


def test_file_that_tells_no_assignment(write, assignments):
    with pytest.raises(UserError) as caught:
        hand_in(write("kim.py", "x = 1\n"), assignments)

    assert "kim.py: can't tell the assignment" in str(caught.value)
    assert "--assignment (binary, multinomial, wine)" in str(caught.value)


def test_broken_file_with_a_telling_name_is_handed_in_with_its_problem(write, assignments):
    found = hand_in(write("kim_wine.ipynb", '{"cells": ['), assignments)

    assert (found.student, found.assignment.name) == ("kim", "wine")
    assert found.submission.problem is not None


def test_missing_file(tmp_path, assignments):
    with pytest.raises(UserError, match=r"kim_wine\.py isn't a file"):
        hand_in(tmp_path / "kim_wine.py", assignments)


def test_a_link_is_refused_as_below_folders(tmp_path, assignments, find):
    (tmp_path / "solution.py").write_text("def train(): ...\n")
    (tmp_path / "kim_wine.py").symlink_to(tmp_path / "solution.py")

    with pytest.raises(UserError, match="is a link"):
        hand_in(tmp_path / "kim_wine.py", assignments)
    assert find(tmp_path / "kim_wine.py").hand_ins == ()
