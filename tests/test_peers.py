"""The checks that other graders get for the comparison ask what our own checks ask."""

import sys
from pathlib import Path

import pytest
import torch

from grader.model.assignment import load_assignments

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks" / "peers"))
import checks  # noqa: E402
import hand_ins  # noqa: E402
import student  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def lost(assignment: str, source: str) -> set[str]:
    """The items whose checks fail."""
    namespace: dict[str, object] = {"__name__": "submission"}
    exec(source, namespace)
    found = set()
    for name in checks.RUBRIC[assignment]:
        try:
            checks.run(assignment, name, student.student_in(namespace))
        except Exception:
            found.add(name)
    return found


def test_the_items_and_points_are_those_of_the_settings():
    for name, assignment in load_assignments(ROOT / "solutions").items():
        points = {item: points for item, (points, _) in checks.RUBRIC[name].items()}

        assert points == {item.id: item.points for item in assignment.items}


@pytest.mark.slow
@pytest.mark.parametrize(
    "assignment", ["binary", pytest.param("multinomial", marks=pytest.mark.long), "wine"]
)
def test_the_reference_gets_all_points(assignment):
    assert lost(assignment, "\n".join(hand_ins.reference_cells(assignment))) == set()


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "mistake, items",
    [
        ("bce_sum", {"bce_loss"}),
        ("sigmoid_overflow", {"sigmoid"}),
        ("no_step", {"training_loop", "convergence"}),
        ("predict_strict", {"predict"}),
    ],
)
def test_a_mistake_costs_its_items(mistake, items):
    source = (ROOT / "solutions" / "binary" / "mistakes" / f"{mistake}.py").read_text("utf-8")

    assert lost("binary", source) == items


def test_a_hand_in_is_a_notebook_with_the_cells_that_a_grader_adds(tmp_path):
    by_name = {each.name: each for each in hand_ins.awkward()}
    for each in by_name.values():
        each.write(tmp_path / f"{each.name}.ipynb")

    assert len(by_name) == 11
    assert (tmp_path / "broken notebook.ipynb").stat().st_size > 0
    assert hand_ins.nbformat.read(tmp_path / "zz right.ipynb", 4).cells
    with pytest.raises(hand_ins.nbformat.reader.NotJSONError):
        hand_ins.nbformat.read(tmp_path / "broken notebook.ipynb", 4)


def test_a_solution_that_lies_open_is_found(tmp_path, monkeypatch):
    solution = "\n".join(hand_ins.reference_cells("binary"))
    (tmp_path / "solution.py").write_text(solution, "utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    (reading,) = next(each for each in hand_ins.awkward() if each.name == "solution read").cells
    namespace: dict[str, object] = {}
    exec(reading, namespace)

    assert "weighted_sum" in namespace
