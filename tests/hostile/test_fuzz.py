"""Whatever the functions return, checks give a verdict and a report that can be sent, stored and shown."""

import io
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console

from grader.grading.grader import Grader
from grader.model.assignment import Assignment
from grader.model.score import ScoreReport, Verdict
from grader.model.submission import parse_submission
from grader.reports.table import item_table

PRELUDE = r"""
import numpy as np
import torch
from torch import nn

def short(train):
    def run(model, x, y, epochs=130, lr=0.01):
        losses = train(model, x, y, epochs=min(epochs, 130), lr=lr)
        return losses + losses[-1:] * (epochs + 1 - len(losses))
    return run

train = short(train)

def over(a, v, first=False):
    '''The same shapes and kinds with other numbers.'''
    if isinstance(a, (torch.Tensor, np.ndarray)):
        b = a.detach().clone() if isinstance(a, torch.Tensor) else a.copy()
        if first and b.size:
            b.reshape(-1)[0] = v
        else:
            b[...] = v
        return b
    if isinstance(a, (list, tuple)):
        return type(a)(over(x, v, first) if i == 0 or not first else x for i, x in enumerate(a))
    return v

def lists(a):
    if isinstance(a, (torch.Tensor, np.ndarray)):
        return a.tolist()
    return [lists(x) for x in a] if isinstance(a, (list, tuple)) else a

def kind(a, dtype):
    if isinstance(a, (list, tuple)):
        return type(a)(kind(x, dtype) for x in a) if isinstance(a, tuple) else kind(torch.tensor(a), dtype)
    return torch.as_tensor(a).detach().to(getattr(torch, dtype))

def array(a, dtype):
    return np.asarray(lists(a)).astype(dtype)

class Wrapped(nn.Module):
    def __init__(self, net, lie):
        super().__init__()
        self.net, self.lie = net, lie
    def forward(self, x):
        out = self.net(x)
        return out if torch.is_grad_enabled() else self.lie(out)

def lied(a, lie):
    '''Lies told by an answer, by one of its parts, or by a model.'''
    return Wrapped(a, lie) if isinstance(a, nn.Module) else lie(a)

def filled(net, v, kind=torch.float64):
    net.to(kind)
    with torch.no_grad():
        for p in net.parameters():
            p.fill_(v)
            p.grad = torch.full_like(p, v)

def part(parts, index, lie):
    return tuple(lie(p) if i == index else p for i, p in enumerate(parts))
"""


def words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


def of(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices)


def told(shape: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda words: shape.format(*words))


NUMBER = words(
    "10**300 -10**300 10**4000 2**63 2**53+1 -1 7 0.5 1e300 -1e300 1e200 1e-320 0.0 1.7e308 float('nan') float('inf') "
    "-float('inf') True 1j None '\\ud800' '1' b'1' [] {} [[]] object() int torch"
)
DTYPE = words(
    "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 bfloat16 float16 float32 float64 complex64 complex128 "
    "float8_e4m3fn float8_e5m2 float8_e8m0fnu"
)
SHAPE = words("() (0,) (1,) (2,) (8,1) (10,3) (54,) (124,13)")
ODD_SHAPE = words("(0,2**40) (3,0) (1,)*16 (10**6+1,) (4*10**6,)")
ARRAY = words("bool uint8 int64 uint64 float16 float32 float64 complex128 object U8 datetime64[D]")
LIE = st.one_of(
    NUMBER,
    told("over(a, {})", NUMBER),
    told("over(a, {}, first=True)", NUMBER),
    told("over(lists(a), {})", NUMBER),
    told("over(lists(a), {}, first=True)", NUMBER),
    told("kind(a, '{}')", DTYPE),
    told("array(a, '{}')", ARRAY),
    told("over(kind(a, '{}'), {})", DTYPE, NUMBER),
    told("torch.zeros({}, dtype=torch.{})", SHAPE | ODD_SHAPE, DTYPE),
    told("np.full({}, {})", SHAPE, NUMBER),
    told("[{}] * {}", NUMBER, of("1", "8", "131", "1001", "10**6")),
    told("[[{}] * {}] * {}", NUMBER, of("1", "3", "13"), of("8", "10", "54", "124")),
    of(
        "lists(a)", "tuple(a)", "[a]", "{'x': a}", "(a, a)", "a[:0]", "a[0]", "a[None]", "lists(a) + [lists(a)]",
        "nn.Linear(1, 1)", "[torch.zeros(6 * 10**7, dtype=torch.uint8)]", "torch.zeros(6 * 10**7, dtype=torch.int8)",
        "type('\\ud800'.encode('utf8', 'replace').decode(), (nn.Module,), {})()",
    ),
)  # fmt: skip
"""What becomes of an answer `a`, as an expression."""
Draw = Callable[[st.SearchStrategy[Any]], Any]


def submission(draw: Draw, assignment: Assignment) -> str:
    """The solution with lies told by one to three of its functions, and by what its training leaves behind."""
    source = (assignment.folder / "solution.py").read_text("utf-8") + PRELUDE
    names = draw(st.lists(of(*assignment.functions), min_size=1, max_size=3, unique=True))
    for name in names:
        lie = draw(LIE)
        told = {
            "build_model": f"lied(a, lambda a: {lie})",
            "load_data": f"part(a, {draw(of('0', '1', '2', '3'))}, lambda a: {lie})",
        }.get(name, lie)
        source += f"\nhonest_{name} = {name}\ndef {name}(*args, **kwargs):\n"
        source += f"    a = honest_{name}(*args, **kwargs)\n"
        if name == "train" and draw(st.booleans()):
            source += f"    filled(args[0], {draw(NUMBER)}, torch.{draw(of('float64', 'float32', 'complex64'))})\n"
        if name == "build_model" and draw(st.booleans()):
            source += f"    filled(a, {draw(NUMBER)}, torch.{draw(of('float64', 'float32'))})\n"
        source += f"    return {told}\n"
    return source


def shown(report: ScoreReport) -> str:
    msgspec.json.decode(msgspec.json.encode(report), type=ScoreReport)
    console = Console(file=io.StringIO(), width=120)
    console.print(item_table(report, "ko"))
    return console.file.getvalue()


def check(grader: Grader, assignment: Assignment, source: str) -> None:
    report = grader.grade(assignment, parse_submission("x.py", source.encode()), "x").report

    assert {i.id: i.detail for i in report.items if i.verdict is Verdict.UNGRADED} == {}
    assert shown(report)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long) for n in ("binary", "multinomial", "wine")]
)
def test_no_lie_stops_the_grading(grader, assignments, name):
    @seed(50)
    @settings(
        max_examples=50,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data):
        check(grader, assignments[name], submission(data.draw, assignments[name]))

    run()
