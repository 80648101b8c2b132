"""Each defence against training that isn't training is needed: without it, a cheat earns what it fakes."""

import shutil
from pathlib import Path

import pytest

from grader.authoring.audit import CHEATS, MISTAKES, VARIANTS, lost_items, read_samples
from grader.grading.suspicion import suspicions
from grader.model.assignment import load_assignment, load_assignments
from grader.model.score import Suspicion
from grader.model.submission import parse_submission, read_submission

SOLUTIONS = Path(__file__).parents[2] / "solutions"
DEFENCES = [
    ("binary", "history_interpolated", "training_loop", "_check_middle"),
    ("binary", "weights_known", "training_loop", "check_learns"),
    ("binary", "smooth_neighbours", "convergence", "check_affine"),
    ("binary", "smooth_neighbours", "training_loop", "check_affine"),
    ("binary", "third_parameter", "convergence", "check_responds"),
    ("multinomial", "history_interpolated", "training_loop", "_check_middle"),
    ("multinomial", "weights_known", "training_loop", "check_learns"),
    ("multinomial", "nearest_row", "training_loop", "check_steady"),
    ("multinomial", "rows_stored", "convergence", "check_responds"),
    ("wine", "without_parameters", "convergence", "check_moved"),
    ("wine", "parameters_unmoved", "convergence", "check_moved"),
    ("wine", "pretrained_and_permuted", "convergence", "check_learns"),
    ("wine", "pretrained", "test_0_class", "permuted"),
    ("wine", "nearest_row", "accuracy", "check_steady"),
    ("wine", "call_stack_inspected", "test_0_class", "check_steady"),
]
SWITCHED_OFF = """
import grader.checks.training

{name} = grader.checks.training.{name} = lambda first=None, *_, **__: first
"""


def parameters():
    return [
        pytest.param(*each, marks=() if each[3] == "check_affine" else pytest.mark.long)
        for each in DEFENCES
    ]


@pytest.mark.slow
@pytest.mark.parametrize("assignment, cheat, item, defence", parameters())
def test_without_the_defence_the_cheat_earns_the_item(
    grader, tmp_path, assignment, cheat, item, defence
):
    beside = shutil.ignore_patterns(VARIANTS, MISTAKES, CHEATS)
    folder = shutil.copytree(SOLUTIONS / assignment, tmp_path / assignment, ignore=beside)
    with (folder / f"test_{assignment}.py").open("a", encoding="utf-8") as checks:
        checks.write(SWITCHED_OFF.format(name=defence))
    weaker = load_assignment(folder)
    submission = read_submission(SOLUTIONS / assignment / CHEATS / f"{cheat}.py")

    report = grader.grade(weaker, submission, "x").report
    grader.stop(weaker)

    (sample,) = (
        each
        for each in read_samples(load_assignment(SOLUTIONS / assignment))
        if each.name == f"{CHEATS}/{cheat}.py"
    )
    assert item in sample.loses
    assert item not in lost_items(report), [(i.id, i.message.en) for i in report.items]


@pytest.mark.slow
@pytest.mark.parametrize(
    "assignment, cheat",
    [("wine", "pretrained_and_permuted"), ("wine", "nearest_row"), ("binary", "weights_known")],
)
def test_a_cheat_loses_what_it_fakes(grader, assignments, assignment, cheat):
    path, known = f"{CHEATS}/{cheat}.py", assignments[assignment]
    (sample,) = (each for each in read_samples(known) if each.name == path)

    report = grader.grade(known, sample.submission, "x").report

    assert set(lost_items(report)) == set(sample.loses)


def test_there_are_cheats_of_every_kind(assignments):
    for assignment in assignments.values():
        cheats = {each.name for each in read_samples(assignment) if each.name.startswith(CHEATS)}
        assert len(cheats) >= 8


# --- what is suspicious is flagged

CODE = {
    "import sys\ndef train(model, x, y):\n    return sys._getframe(1)": Suspicion.INSPECTS_CALLERS,
    "import inspect\ndef forward(x):\n    return inspect.stack()": Suspicion.INSPECTS_CALLERS,
    "from inspect import stack": Suspicion.INSPECTS_CALLERS,
    "import grader.sandbox.worker": Suspicion.IMPORTS_INTERNALS,
    "from grader.sandbox import worker": Suspicion.IMPORTS_INTERNALS,
    "import ctypes": Suspicion.IMPORTS_INTERNALS,
    "def train(m, X, y):\n    return known()\ndef known():\n    return load_wine()": Suspicion.LOADS_DATA_SET,
    "class M:\n    def forward(self, x):\n        return load_wine()\ndef build_model():\n    return M()": (
        Suspicion.LOADS_DATA_SET
    ),
    "y_train = 1\ndef train(model, X, labels):\n    return y_train": Suspicion.LOOKS_LABELS_UP,
}
HONEST = [
    "import grader\ngrader.check()",
    "from sklearn.datasets import load_wine\nwine = load_wine()\nload_data = lambda: wine",
    "def load_data():\n    return split(load_wine())\ndef split(wine):\n    return load_wine()",
    "def train(model, X, y):\n    def closure():\n        return y\n    return closure",
    "y_train = 1\ndef plot():\n    return y_train",
    "def train(model, X, y:",
    "x = " + "(" * 5000,
]


@pytest.mark.parametrize("source, kind", CODE.items())
def test_suspicious_code_is_flagged_with_its_line(assignments, source, kind):
    flags = suspicions(parse_submission("x.py", source.encode()), assignments["wine"])

    assert {flag.kind for flag in flags} == {kind}
    assert all(flag.place.cell == "x.py" for flag in flags)


@pytest.mark.parametrize("source", HONEST)
def test_ordinary_code_is_not(assignments, source):
    assert suspicions(parse_submission("x.py", source.encode()), assignments["wine"]) == ()


def test_of_right_submissions_none_is_flagged():
    right = [
        (assignment, sample.submission)
        for assignment in load_assignments(SOLUTIONS).values()
        for sample in read_samples(assignment)
        if not sample.loses
    ]

    assert len(right) > 30
    assert [s.file for a, s in right if suspicions(s, a)] == []


@pytest.mark.slow
def test_a_flag_is_in_the_report_and_costs_nothing(grader, assignments, submit):
    source = (
        (SOLUTIONS / "binary" / "solution.py").read_text("utf-8")
        + """
import gc
class Changing(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.asked = 0
    def forward(self, x):
        self.asked += 1
        return torch.sigmoid(self.linear(x) + 1e-6 * self.asked)
def build_model():
    return Changing()
"""
    )

    report = grader.grade(assignments["binary"], submit(source), "x").report

    assert report.score == 100
    assert {flag.kind for flag in report.flags} == {
        Suspicion.IMPORTS_INTERNALS,
        Suspicion.ANSWERS_DIFFER,
    }
