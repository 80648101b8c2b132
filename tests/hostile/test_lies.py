"""Forged answers and work that wasn't done earn no points."""

import contextlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from grader.grading.grader import Grader
from grader.model.assignment import Assignment, Limits, load_assignment
from grader.model.score import ScoreReport, Verdict
from grader.model.submission import Submission
from grader.sandbox import SandboxServer, StudentCodeError, open_sandbox

pytestmark = pytest.mark.sampled(16)

ROOT = Path(__file__).parents[2]
LIMITS = Limits(cpu_seconds=10, train_cpu_seconds=10, wall_factor=3, memory_mb=1024)

# --- what an answer says it is

SETTINGS = """
name = "answers"
title = { ko = "가", en = "Answers" }
functions = ["answer"]

[limits]
cpu_seconds = 1
train_cpu_seconds = 2
total_cpu_seconds = 4
memory_mb = 1024
"""
WORDS = {
    "number": "number(answer) == 4.125",
    "tensor": "tensor(answer, 2).tolist() == [4.125, 2]",
    "matrix": "matrix(answer, 2).tolist() == [[4.125, 2], [1, 1]]",
    "classes": "classes(answer, 2) == [4, 2]",
    "class_index": "class_index(answer) == 4",
    "history": "history(answer, 2) == [4.125, 2]",
    "model": "tensor(model(answer)(torch.ones(2)), 2).tolist() == [4.125, 2]",
    "parameters": "flat(model(answer)).tolist() == [4.125, 2]",
    "loss": "loss_of('bce', tensor(answer, 2, 1), torch.ones(2, 1)) == 4.125",
}
"""Every word that a check is written with, held against a value that no submission can know."""
CHECKS = """
import pytest
import torch
from grader.checks.expect import class_index, classes, history, matrix, model, number, require, tensor
from grader.checks.training import flat, loss_of
"""
CHECK = """
@pytest.mark.item("{name}")
def test_{name}(student):
    answer = student.answer()
    require({condition}, ko="아니요", en="no")
"""
ITEM = """
[[items]]
id = "{name}"
title = {{ ko = "가", en = "{name}" }}
points = 1
"""
PRELUDE = """
import collections, decimal, enum, fractions, itertools, sys
import numpy as np
import pandas as pd
import torch
from torch import nn

class Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __hash__(self): return 0
    def __bool__(self): return True
    def __float__(self): return 7.0
    def __int__(self): return 7
    __index__ = __int__
    def __len__(self): return 2
    def __iter__(self): return iter([7.0, 7.0])
    def __getitem__(self, key): return 7.0
    def __call__(self, *args): return self

class Pretends(Always):
    def __init__(self, kind): self.kind = kind
    @property
    def __class__(self): return self.kind

class Spoof(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return 4.125
    def __eq__(self, other): return True
    def tolist(self): return [4.125, 2.0]
    def detach(self): return torch.tensor([4.125, 2])
    def numel(self): return 1

class Text(str):
    def __eq__(self, other): return True
    __hash__ = str.__hash__

class Number(float):
    def __float__(self): return 4.125
    def __eq__(self, other): return True

class Names(dict):
    def items(self): return [("x", Always())] * 10
    def __len__(self): return 10**9

class Long(list):
    def __len__(self): return 10**9

class Short(list):
    def __len__(self): return 0

class Endless(list):
    def __iter__(self): return itertools.repeat(1)

class Array(np.ndarray):
    def __eq__(self, other): return True
    def tolist(self): return [4.125, 2.0]
    def astype(self, *_, **__): return np.array([4.125, 2])

class Arrayable:
    def __init__(self, value): self.value = value
    def __array__(self, *args, **kwargs): return self.value

class Liar(nn.Module):
    def __call__(self, *_): return Always()
    def parameters(self, recurse=True): return iter([Always()])
    def modules(self): return [Always()]
    def eval(self): raise SystemExit
    training = True

class Changing(nn.Module):
    count = 0
    def forward(self, x): return x
    def parameters(self, recurse=True):
        Changing.count += 1
        return iter([nn.Parameter(torch.zeros(Changing.count))])

class Hidden(nn.Module):
    def forward(self, x): return x
    def parameters(self, recurse=True): return iter([Pretends(torch.Tensor)])

def nested(value, depth):
    for _ in range(depth): value = [value]
    return value

def itself():
    x = []
    x.append(x)
    return x
"""

LIES = {
    "equal to everything": "Always()",
    "pretends to be a float": "Pretends(float)",
    "pretends to be an int": "Pretends(int)",
    "pretends to be a list": "Pretends(list)",
    "pretends to be a dict": "Pretends(dict)",
    "pretends to be a tensor": "Pretends(torch.Tensor)",
    "pretends to be an array": "Pretends(np.ndarray)",
    "pretends to be a model": "Pretends(nn.Module)",
    "a class": "Always",
    "a tensor that answers for itself": "torch.zeros(2).as_subclass(Spoof)",
    "an array that answers for itself": "np.zeros(2).view(Array)",
    "a text that is equal to everything": "Text('4.125')",
    "a number as text": "'4.125'",
    "a number as bytes": "b'4.125'",
    "a longer dict": "Names(x=4.125)",
    "a longer list": "Long([4.125, 2])",
    "an endless list": "Endless([4.125])",
    "an array by its method": "Arrayable([4.125, 2])",
    "a huge array by its method": "Arrayable(np.broadcast_to(np.zeros(()), 2**40))",
    "not a number": "float('nan')",
    "infinite": "float('-inf')",
    "nan tensor": "torch.full((2,), float('nan'))",
    "nan column": "torch.full((2, 1), float('nan'))",
    "infinite column": "torch.full((2, 1), float('inf'))",
    "nan list": "[float('nan'), float('inf')]",
    "complex": "4.125 + 0j",
    "complex tensor": "torch.tensor([4.125 + 0j, 2])",
    "complex column": "torch.tensor([[4.125 + 0j], [2]])",
    "complex array": "np.array([4.125 + 0j, 2])",
    "complex in a list": "[4.125 + 0j, 2]",
    "sparse": "torch.tensor([4.25, 2]).to_sparse()",
    "meta": "torch.empty(2, device='meta')",
    "expanded without strides": "torch.zeros(()).expand(10**8)",
    "broadcast without strides": "np.broadcast_to(np.zeros(()), (10**4, 10**8))",
    "1e8 elements": "torch.zeros(10**8, dtype=torch.uint8)",
    "a history of 1e7": "[0.5] * 10**7",
    "a range of 1e15": "range(10**15)",
    "a huge text": "'x' * 10**7",
    "a list that holds itself": "itself()",
    "nested 16 times": "nested(4.125, 16)",
    "nested 1000 times": "nested(4.125, 1000)",
    "empty": "[]",
    "empty tensor": "torch.empty(0)",
    "empty columns": "torch.empty(2, 0)",
    "empty rows": "torch.empty(0, 2**40)",
    "ragged": "[[4.125], [2, 3]]",
    "mixed": "[4.125, 'x', None, Always()]",
    "lists of texts": "['4.125', '2']",
    "truth": "True",
    "truths": "[True, True]",
    "objects in an array": "np.array([4.125, Always()], dtype=object)",
    "texts in an array": "np.array(['4.125', '2'])",
    "dates in an array": "np.array(['2025-01-01', '2025-01-02'], dtype='datetime64[D]')",
    "fields in an array": "np.zeros(2, dtype=[('a', 'f4'), ('b', 'f4')])",
    "a table": "pd.DataFrame({'a': [4.125, Always()]})",
    "enormous": "10**4000",
    "an enormous fraction": "fractions.Fraction(10**4000)",
    "half of a character": "'\\ud800'",
    "a set": "{4.125, 2}",
    "a generator": "(x for x in [4.125, 2])",
    "a function": "lambda *_: Always()",
    "a module": "sys",
    "an exception": "ValueError(4.125)",
    "a model that lies": "Liar()",
    "a model without parameters": "nn.Identity()",
    "a model that changes": "Changing()",
    "a model that is none": "nn.Linear",
    "lists of models": "[nn.Linear(1, 1), nn.Linear(1, 1)]",
    "nothing": "None",
    "16 dimensions": "torch.zeros([1] * 16)",
    "60 dimensions": "torch.zeros([1] * 60)",
    "bfloat16": "torch.zeros(2, dtype=torch.bfloat16)",
    "a model with a parameter that pretends": "Hidden()",
    "a conjugate": "torch.tensor([4.125 + 1j, 2]).conj().imag",
}

Verdicts = Callable[..., list[Verdict]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """An assignment with an item for each word."""
    folder = tmp_path_factory.mktemp("answers")
    items = "".join(ITEM.format(name=name) for name in WORDS)
    checks = "".join(CHECK.format(name=n, condition=c) for n, c in WORDS.items())
    (folder / "assignment.toml").write_text(SETTINGS + items, encoding="utf-8")
    (folder / "test_answers.py").write_text(CHECKS + checks, encoding="utf-8")
    return load_assignment(folder)


@pytest.fixture
def answered(
    grader: Grader, answers: Assignment, submit: Callable[..., Submission]
) -> Callable[[str], ScoreReport]:
    """Grade a submission whose answer is an expression."""
    return lambda expression: (
        grader.grade(answers, submit(f"{PRELUDE}\ndef answer(): return {expression}"), "x").report
    )


@pytest.mark.parametrize("name", LIES)
def test_a_lie_earns_nothing_and_never_stops_the_grading(answered, name):
    report = answered(LIES[name])

    assert {item.id: item.detail for item in report.items if item.verdict == Verdict.UNGRADED} == {}
    assert report.score == 0
    assert all(item.message.en for item in report.items)


def test_the_truth_earns_its_item(answered):
    found = {
        item.id
        for expression in (
            *("4.125", "torch.tensor([4.125, 2]).to_sparse()", "[4, 2]", "4"),
            "[[4.125, 2], [1, 1]]",
        )
        for item in answered(expression).items
        if item.verdict == Verdict.PASSED
    }

    assert found == {"number", "tensor", "history", "classes", "class_index", "matrix"}


@pytest.mark.long
def test_what_is_too_large_is_refused_by_its_shape(answered):
    report = answered("torch.zeros(6 * 10**7, dtype=torch.uint8)")

    (item,) = (item for item in report.items if item.id == "history")
    assert item.verdict is Verdict.FAILED
    assert "60,000,000" in item.message.en


def test_a_check_that_needs_too_much_memory_is_a_verdict(grader, submit, tmp_path):
    (tmp_path / "assignment.toml").write_text(SETTINGS + ITEM.format(name="large"), "utf-8")
    condition = "[number(answer)] * int(number(answer))"
    (tmp_path / "test_answers.py").write_text(
        CHECKS + CHECK.format(name="large", condition=condition), "utf-8"
    )
    submission = submit("def answer(): return 4 * 10**8")  # a list of 3 GiB

    (item,) = grader.grade(load_assignment(tmp_path), submission, "x").report.items

    assert (item.verdict, item.points) == (Verdict.MEMORY, 0)


# --- what comes back is plain


@pytest.fixture
def received(
    sandbox_server: SandboxServer, submit: Callable[..., Submission]
) -> Callable[[str], object]:
    """What our side gets of an expression, or the verdict."""

    def run(expression: str) -> object:
        source = f"{PRELUDE}\ndef answer(): return {expression}"
        with open_sandbox(sandbox_server.control, submit(source), LIMITS) as sandbox:
            try:
                with contextlib.closing(sandbox.student()) as student:
                    return student.answer()
            except StudentCodeError as error:
                return error.verdict

    return run


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("Text('x')", "x"),
        ("Number(1.5)", 4.125),
        ("np.float64(1.5)", 1.5),
        ("np.array([1.5, None], dtype=object)", [1.5, None]),
        ("collections.OrderedDict(a=1)", {"a": 1}),
        ("collections.Counter('aa')", {"a": 2}),
        ("{Text('key'): [True]}", {"key": [True]}),
        ("True", True),
        ("(1, (2, [3]))", (1, (2, [3]))),
        ("enum.IntEnum('Color', 'RED').RED", 1),
        ("fractions.Fraction(1, 2)", 0.5),
        ("collections.deque([1, 2])", [1, 2]),
        ("bytearray(b'x')", b"x"),
        ("Short([1, 2])", [1, 2]),
    ],
)
def test_a_subclass_arrives_as_what_is_plain(received, expression, expected):
    value = received(expression)

    plain = value.item() if isinstance(value, np.ndarray) else value
    assert expected == plain
    assert kinds(plain) <= {type(None), bool, int, float, str, bytes, list, tuple, dict}


def kinds(value: object) -> set[type]:
    inside = list(value) if isinstance(value, list | tuple) else []
    if isinstance(value, dict):
        inside = [*value, *value.values()]
    return {type(value)}.union(*(kinds(each) for each in inside))


@pytest.mark.parametrize(
    "expression",
    [
        "torch.tensor([1.5, 2]).as_subclass(torch.nn.Parameter)",
        "nn.Parameter(torch.tensor([1.5, 2]))",
        "torch.tensor([1.5, 2], requires_grad=True) * 1",
        "torch.tensor([1.5, 9, 2, 9])[::2]",
        "torch.tensor([1.5, 2], dtype=torch.float64).to(torch.float16)",
    ],
)
def test_a_tensor_arrives_without_its_history(received, expression):
    value = received(expression)

    assert type(value) is torch.Tensor
    assert (value.requires_grad, value.grad_fn, value.is_contiguous()) == (False, None, True)
    assert value.tolist() == [1.5, 2]


def test_an_expanded_tensor_is_as_large_as_it_says(received):
    value = received("torch.ones(()).expand(1000, 100)")

    assert value.untyped_storage().nbytes() == 400_000
    assert received("torch.zeros(()).expand(10**8)") == Verdict.FAILED


def test_a_value_that_is_not_a_number_stays_none(received):
    assert math.isnan(received("float('nan')"))
    assert received("[float('inf'), -float('inf')]") == [math.inf, -math.inf]


# --- work that was not done


def solution(name: str, changes: str) -> str:
    """The reference, with some of its functions replaced."""
    return (ROOT / "solutions" / name / "solution.py").read_text(encoding="utf-8") + changes


def lost(report: ScoreReport) -> set[str]:
    assert report.gradable, [item.detail for item in report.items if item.points is None]
    return {item.id for item in report.items if item.verdict is not Verdict.PASSED}


MADE_UP_HISTORY = """
def train(model, x, y, epochs=1000, lr=0.01):
    return [0.7 * 0.9**epoch for epoch in range(epochs + 1)]
"""
LESSON_HISTORY = """
def train(model, x, y, epochs=1000, lr=0.01):
    known = {0: 0.955088, 100: 0.656269, 500: 0.439265, 1000: 0.308673}
    return [known[max(k for k in known if k <= epoch)] for epoch in range(epochs + 1)]
"""
ONLY_LOOKS = """
def train(model, x, y, epochs=1000, lr=0.01):
    with torch.no_grad():
        return [bce_loss(model(x), y).item()] * (epochs + 1)
"""
PRETRAINED = (
    ONLY_LOOKS
    + """
def build_model():
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    with torch.no_grad():
        model[0].weight.fill_(0.35)
        model[0].bias.fill_(-2.0)
    return model
"""
)
OTHER_MODEL = """
honest = train
def train(model, x, y, epochs=1000, lr=0.01):
    return honest(build_model(), x, y, epochs, lr)
"""
KNOWN_BOUNDARY = """
def predict(model, x, threshold=0.5):
    return (x >= 4.19).float()
"""
ONLY_ONES = """
def predict(model, x, threshold=0.5):
    return torch.ones(len(x), 1)
"""
COUNTS_CALLS = """
calls = 0
def sigmoid(z):
    global calls
    calls += 1
    return torch.sigmoid(z) if calls < 3 else torch.full_like(z, 0.5)
"""
KNOWN_EXAMPLES = """
def weighted_sum(x, w, b):
    return 1.9
def sigmoid(z):
    return torch.full_like(z, 0.8699)
def bce_loss(p, y):
    return torch.tensor(0.9551)
"""
GROWS = """
built = 0
def build_model():
    global built
    built += 1
    return nn.Sequential(nn.Linear(1, 1 + built // 3), nn.Linear(1 + built // 3, 1), nn.Sigmoid())
"""
SETS_NAN = """
honest = train
def train(model, x, y, epochs=1000, lr=0.01):
    history = honest(model, x, y, epochs, lr)
    with torch.no_grad():
        model[0].weight.fill_(float("nan"))
    return history
"""
PROBABILITIES_OF_ITS_OWN = """
def predict_proba(model, x):
    return torch.tensor([[0.0, 0.0, 1.0]]).repeat(len(x), 1)
"""
CLASS_OF_ITS_OWN = """
def predict(model, x):
    return [2] * len(x)
"""
MULTINOMIAL_HISTORY = """
def train(model, x, y, epochs=1000, lr=0.01):
    return [1.1 * 0.9**epoch for epoch in range(epochs + 1)]
"""
LOOKS_UP_WINE = """
KNOWN_X, KNOWN_Y = load_wine(return_X_y=True)
class LookUp(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
    def forward(self, x):
        rows = [np.isin(KNOWN, row).sum(axis=1).argmax() for row in x.numpy().round(4)]
        return 9 * nn.functional.one_hot(torch.tensor(KNOWN_Y[rows]), 3).float()
import numpy as np
KNOWN = np.zeros((178, 13))
def load_data(random_state=2025):
    global KNOWN
    x_train, x_test, y_train, y_test = train_test_split(KNOWN_X, KNOWN_Y, test_size=0.3, random_state=random_state)
    scaler = StandardScaler().fit(x_train)
    KNOWN = scaler.transform(KNOWN_X).astype(np.float32).round(4)
    return (*(torch.tensor(scaler.transform(x), dtype=torch.float32) for x in (x_train, x_test)),
            *(torch.tensor(y) for y in (y_train, y_test)))
def build_model():
    return LookUp()
def train(model, X, y, epochs=500, lr=0.1):
    return [1.0, 0.01]
"""
PRETRAINED_WINE = """
honest_model, honest_train = build_model, train
known = load_data()
ready = honest_model()
honest_train(ready, known[0], known[2])
def build_model():
    import copy
    return copy.deepcopy(ready)
def train(model, X, y, epochs=500, lr=0.1):
    return [1.0, 0.01]
"""
CONSTANT_CLASS = """
def predict_test_0(model, X_test):
    return 1
"""
CLASS_OF_THE_DATA = """
def predict_test_0(model, X_test):
    return int(load_data()[3][0])
"""

HUGE_GRADIENTS = """
honest = train
class Double(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1).double()
    def forward(self, x):
        return torch.sigmoid(self.linear(x.double())).float()
def build_model():
    return Double()
def train(model, x, y, epochs=1000, lr=0.01):
    history = honest(model, x, y, epochs, lr)
    for p in model.parameters():
        p.grad = torch.full_like(p, 1e200)
    return history
"""

UNDONE = {
    "a made-up history": ("binary", MADE_UP_HISTORY, {"training_loop", "convergence"}),
    "the lesson's history": ("binary", LESSON_HISTORY, {"training_loop", "convergence"}),
    "a train that only looks": ("binary", ONLY_LOOKS, {"training_loop", "convergence"}),
    "a trained model built": ("binary", PRETRAINED, {"training_loop", "convergence"}),
    "another model trained": ("binary", OTHER_MODEL, {"training_loop", "convergence"}),
    "a known boundary": ("binary", KNOWN_BOUNDARY, {"predict"}),
    "only ones": ("binary", ONLY_ONES, {"predict"}),
    "calls counted": ("binary", COUNTS_CALLS, {"sigmoid"}),
    "the lesson's examples": ("binary", KNOWN_EXAMPLES, None),
    "a made-up history of three": (
        "multinomial",
        MULTINOMIAL_HISTORY,
        {"training_loop", "convergence"},
    ),
    "probabilities of its own": (
        "multinomial",
        PROBABILITIES_OF_ITS_OWN,
        {"predict_proba", "predict"},
    ),
    "a class of its own": ("multinomial", CLASS_OF_ITS_OWN, {"predict"}),
    "labels looked up": ("wine", LOOKS_UP_WINE, {"convergence", "accuracy", "test_0_class"}),
    "a trained model of wines": ("wine", PRETRAINED_WINE, {"convergence", "test_0_class"}),
    "a constant class": ("wine", CONSTANT_CLASS, {"test_0_class"}),
    "the class of the data": ("wine", CLASS_OF_THE_DATA, {"test_0_class"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNDONE)
def test_work_that_was_not_done_earns_nothing(grader, assignments, submit, name):
    assignment, changes, expected = UNDONE[name]

    found = lost(
        grader.grade(assignments[assignment], submit(solution(assignment, changes)), "x").report
    )

    if expected is None:
        assert found >= {"weighted_sum", "sigmoid", "bce_loss", "training_loop", "convergence"}
    else:
        assert expected == found


@pytest.mark.slow
def test_without_other_thresholds_a_known_boundary_would_earn_its_points(grader, submit, tmp_path):
    folder = shutil.copytree(ROOT / "solutions" / "binary", tmp_path / "binary")
    checks = folder / "test_binary.py"
    text = checks.read_text(encoding="utf-8")
    assert text.count("in (None, 0.2, 0.9)") == 1
    checks.write_text(text.replace("in (None, 0.2, 0.9)", "in (None,)"), encoding="utf-8")
    submission = submit(solution("binary", KNOWN_BOUNDARY))

    report = grader.grade(load_assignment(folder), submission, "x").report

    assert "predict" not in lost(report)


# --- models that make our own arithmetic fail


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, changes, expected",
    [
        pytest.param(
            "binary",
            SETS_NAN,
            {"training_loop", "convergence"},
            id="nan",
        ),
        pytest.param(
            "binary",
            GROWS,
            {"model_shape", "training_loop"},
            id="another model each time",
        ),
        pytest.param(
            "wine",
            "\ndef build_model(): return nn.Linear(13, 0)\n"
            "def train(model, X, y, epochs=500, lr=0.1): return [1.0, 0.01]\n",
            {"model_shape", "convergence", "accuracy", "test_0_class"},
            id="no outputs",
        ),
        pytest.param(
            "multinomial",
            "\ndef predict(model, X): return [1e300] * len(X)\n",
            {"predict"},
            id="a class of 300 digits",
        ),
        pytest.param("binary", HUGE_GRADIENTS, set(), id="gradients of 1e200"),
    ],
)
def test_an_odd_model_costs_points_and_leaves_nothing_ungraded(
    grader, assignments, submit, name, changes, expected
):
    report = grader.grade(assignments[name], submit(solution(name, changes)), "x").report

    assert lost(report) >= expected
