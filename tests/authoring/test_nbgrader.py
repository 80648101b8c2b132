"""An nbgrader notebook becomes a working assignment, and whatever can't be imported is listed."""

import nbformat
import pytest

from grader.authoring.nbgrader import import_nbgrader, write_import
from grader.model.assignment import load_assignment
from grader.model.errors import UserError
from grader.model.submission import read_submission

SQUARES = """def squares(n):
    '''The squares of 1 to n.'''
    ### BEGIN SOLUTION
    return tuple(i ** 2 for i in range(1, n + 1))
    ### END SOLUTION"""
TESTS = """import numpy as np
assert squares(1) == (1,), "one"
### BEGIN HIDDEN TESTS
result = squares(4)
np.testing.assert_allclose(result, [1, 4, 9, 16])
### END HIDDEN TESTS"""


def code(source, **nbgrader):
    metadata = {"nbgrader": {"schema_version": 3, "grade_id": "x"} | nbgrader} if nbgrader else {}
    return nbformat.v4.new_code_cell(source, metadata=metadata)


@pytest.fixture
def notebook(tmp_path):
    def write(*cells, name="Problem 1.ipynb"):
        path = tmp_path / name
        nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)
        return path

    return write


def whole(notebook, *tests):
    return notebook(
        nbformat.v4.new_markdown_cell("# Squares"),
        code("import math"),
        code(SQUARES, solution=True, grade_id="squares"),
        *tests,
    )


def test_the_solution_gets_all_points_and_a_mistake_none(notebook, tmp_path, grader, submit):
    path = whole(notebook, code(TESTS, grade=True, grade_id="test-squares", points=5))

    imported = import_nbgrader(path)
    folder = write_import(imported, tmp_path / "solutions")
    assignment = load_assignment(folder)

    assert imported.left == ()
    assert folder.name == "problem_1"
    assert assignment.functions == ("squares",)
    assert [(item.id, item.points) for item in assignment.items] == [("test_squares", 5)]
    right = grader.grade(assignment, read_submission(folder / "solution.py"), "").report
    assert right.score == 5, right.items
    wrong = grader.grade(assignment, submit("def squares(n):\n    return (1,)\n"), "").report
    assert wrong.score == 0
    assert not wrong.ungraded


def test_the_solution_keeps_its_cells_and_regions(notebook):
    path = whole(notebook, code(TESTS, grade=True, grade_id="t", points=5))

    solution = import_nbgrader(path).files["solution.py"]

    assert solution.startswith("# %% [markdown]\n# # Squares\n")
    assert SQUARES in solution
    assert "assert" not in solution


@pytest.mark.parametrize(
    "test",
    [
        "assert undefined(squares(2))",
        "import os\nassert squares(2)",
        "from math import *\nassert squares(2)",
        "try:\n    squares(-1)\nexcept ValueError:\n    pass",
        "assert open('x') and squares(2)",
        "print(squares(2))",
        "assert squares is not None",
        "def squares(n): return n\nassert squares(2)",
        "assert 1 == 1",
        "with x:\n    assert squares(2)",
        "assert (",
    ],
)
def test_what_does_more_than_compare_is_left_to_the_author(notebook, test):
    path = whole(
        notebook,
        code(TESTS, grade=True, grade_id="good", points=5),
        code(test, grade=True, grade_id="odd-one", points=3),
    )

    imported = import_nbgrader(path)

    assert [item.id for item in imported.assignment.items] == ["good"]
    (left,) = imported.left
    assert "odd-one" in left.en
    assert "3 points" in left.en


def test_an_answer_graded_by_hand_and_a_cell_without_region_are_reported(notebook):
    path = whole(
        notebook,
        code("def cube(n):\n    return n**3", solution=True, grade_id="cube"),
        code("why = 1", solution=True, grade=True, grade_id="essay", points=2),
        code(TESTS, grade=True, grade_id="t", points=5),
    )

    left = [text.en for text in import_nbgrader(path).left]

    assert any("essay" in text and "by hand" in text for text in left)
    assert any(text.startswith("cube has no solution region") for text in left)


def test_a_notebook_without_graded_tests_is_refused(notebook):
    with pytest.raises(UserError, match="no graded test"):
        import_nbgrader(notebook(code("x = 1")))


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text("{")

    with pytest.raises(UserError, match="isn't a readable notebook"):
        import_nbgrader(path)
    with pytest.raises(UserError, match="can't read"):
        import_nbgrader(tmp_path / "missing.ipynb")


@pytest.mark.parametrize(
    "file, name", [("2nd.ipynb", "hw_2nd"), ("과제.ipynb", "imported"), ("PS-1.ipynb", "ps_1")]
)
def test_the_name_is_made_from_the_files(notebook, file, name):
    cells = [code(SQUARES, solution=True), code(TESTS, grade=True, grade_id="t", points=5)]

    assert import_nbgrader(notebook(*cells, name=file)).assignment.name == name


def test_a_folder_that_is_there_stays_as_it_is(notebook, tmp_path):
    imported = import_nbgrader(whole(notebook, code(TESTS, grade=True, grade_id="t", points=5)))
    write_import(imported, tmp_path)

    with pytest.raises(UserError, match="already exists"):
        write_import(imported, tmp_path)
