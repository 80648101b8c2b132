"""Released notebooks in a real kernel and in the grader."""

import re
from pathlib import Path

import nbformat
import pytest

from grader.authoring.release import make_release
from grader.model.submission import parse_submission

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.filterwarnings("ignore")  # those of Jupyter's own packages


def released(assignment, **options):
    files = make_release(assignment, **options)
    return nbformat.reads(files[f"{assignment.name}.ipynb"].decode(), as_version=4)


def solved(assignment):
    """The released notebook with the solution's functions."""
    notebook = released(assignment)
    source = (assignment.folder / "solution.py").read_text(encoding="utf-8")
    regions = re.findall(r"    ### BEGIN SOLUTION\n(.*?)    ### END SOLUTION", source, re.DOTALL)
    for cell in notebook.cells:
        if "raise NotImplementedError" in cell.source:
            stub = r"    # TODO: .*\n    raise NotImplementedError\(.*\)"
            cell.source = re.sub(stub, lambda _: regions.pop(0).rstrip(), cell.source)
    assert not regions
    return notebook


def submission(notebook):
    return parse_submission("kim_binary.ipynb", nbformat.writes(notebook).encode())


@pytest.mark.long
def test_a_solved_notebook_is_graded_without_a_word_of_its_own_cells(grader, assignments):
    notebook = solved(assignments["binary"])
    own = 'import grader\nfrom grader import check\nimport math\ngrader.check("train")\ncheck()\nLIMIT = 3'
    notebook.cells.insert(2, nbformat.v4.new_code_cell(own))
    notebook.cells.append(nbformat.v4.new_code_cell('grader.check("sigmoid")'))
    report = grader.grade(assignments["binary"], submission(notebook), "kim").report

    assert report.score == 100
    assert [n.en for n in report.notes if "demonstration" not in n.en] == []


@pytest.mark.long
def test_lost_tags_cost_nothing(grader, assignments):
    notebook = solved(assignments["binary"])
    for cell in notebook.cells:
        cell.metadata.pop("tags", None)

    assert grader.grade(assignments["binary"], submission(notebook), "kim").report.score == 100


@pytest.mark.long
def test_code_that_a_student_adds_to_the_first_cell_counts(grader, assignments):
    notebook = solved(assignments["binary"])
    notebook.cells[0].source += "\nimport torch\nfrom torch import nn"
    notebook.cells[2].source = "pass"
    report = grader.grade(assignments["binary"], submission(notebook), "kim").report

    assert report.score == 100


@pytest.mark.long
def test_the_cells_check_a_student_s_work_in_a_kernel(start_kernel, assignments, tmp_path):
    """On a machine that has nothing but the notebook and the package."""
    notebook = solved(assignments["wine"])
    path = tmp_path / "homework.ipynb"
    nbformat.write(notebook, path)
    setup, *cells, _, check = notebook.cells
    with start_kernel(tmp_path, JPY_SESSION_NAME=str(path)) as kernel:
        assert kernel.run(setup.source) == []
        for cell in cells:
            if cell.cell_type == "code" and "demo" not in cell.metadata.get("tags", []):
                kernel.run(cell.source)
        (shown,) = kernel.run(check.source)

    assert "5 of 5 items pass" in shown.data["text/plain"]


def test_an_address_goes_into_the_metadata_and_the_cell(assignments):
    notebook = released(assignments["wine"], url="https://example.org/course/")

    assert notebook.metadata.grader == {
        "assignment": "wine",
        "url": "https://example.org/course/wine",
    }
    assert notebook.cells[-1].source == 'grader.check(url="https://example.org/course/wine")'


@pytest.mark.parametrize("language, other", [("ko", "[a-z]{4} [a-z]{4}"), ("en", "[가-힣]")])
def test_the_cells_come_in_one_language(assignments, language, other):
    cells = released(assignments["binary"], languages=language).cells
    words = re.sub("`.*?`", "", cells[-2].source)

    assert "%pip install -q torch-grader" in cells[0].source
    assert not re.search(other, words)
    assert not re.search("[가-힣]" if language == "en" else "Elsewhere", cells[0].source)
