"""The sandbox's server loads the libraries that a submission mentions, from a fixed list."""

import pytest

from grader.model.assignment import Limits
from grader.sandbox import SandboxServer, open_sandbox
from grader.sandbox.libraries import LIBRARIES, mentioned

LIMITS = Limits(cpu_seconds=20, train_cpu_seconds=20, wall_factor=3, memory_mb=1024)
LOADED = "import sys\nbefore = set(sys.modules)\n"
ASK = "\ndef loaded(name): return name in before\n"


@pytest.mark.parametrize(
    "source, names",
    [
        ("import pandas as pd", ["pandas"]),
        ("import torch, numpy\nx = 1", []),
        ("from sklearn import datasets", ["sklearn", "sklearn.datasets"]),
        ("def f():\n    from sklearn.datasets import (\n        load_wine)", ["sklearn", "sklearn.datasets"]),
        ("importlib.import_module('scipy.stats')", ["scipy", "scipy.stats"]),
        ("from tqdm.notebook import tqdm", ["tqdm", "tqdm.notebook"]),
        ("model = torch.compile(model)", ["torch._dynamo.config", "torch._inductor.config"]),
        ("import pandas.evil, antigravity, tqdm.__main__", ["pandas", "tqdm"]),
    ],
)  # fmt: skip
def test_libraries_are_found_by_the_words_of_their_names(submit, source, names):
    assert mentioned(submit(source)) == names


def test_all_names_fit_into_one_request():
    assert len(" ".join(LIBRARIES)) < 4000


@pytest.fixture(scope="module")
def cold_server():
    """A server that no other test has let load anything."""
    with SandboxServer() as running:
        yield running


@pytest.mark.long
def test_a_server_loads_what_a_submission_mentions_before_it_is_forked(cold_server, submit):
    def loaded(source, name):
        with open_sandbox(cold_server.control, submit(source), LIMITS) as sandbox:
            student = sandbox.student()
            try:
                return student.loaded(name), sandbox.meter.cpu_seconds
            finally:
                student.close()

    plain, _ = loaded(LOADED + ASK, "sklearn.datasets")
    dynamic, paid = loaded(
        f"{LOADED}{ASK}__import__('skl' + 'earn.data' + 'sets', fromlist=['x'])", "sklearn"
    )
    known, free = loaded(f"{LOADED}from sklearn.datasets import load_wine{ASK}", "sklearn.datasets")
    later, _ = loaded(LOADED + ASK, "sklearn.datasets")

    assert (plain, dynamic, known, later) == (False, False, True, True)
    assert free < paid / 4


COMPILER = """
import importlib, sys, torch
model = torch.nn.Linear(2, 2)
for kind in (torch.optim.SGD, torch.optim.Adam):
    optimizer = kind(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
name = "torch._dyn" + "amo"
def parts():
    return sum(each.startswith(name + ".") for each in sys.modules)
def a_part():
    part = importlib.import_module(name + ".utils")
    return part is sys.modules[name + ".utils"] is sys.modules[name].utils
def compiled():
    return list(getattr(torch, "com" + "pile")(model)(torch.ones(3, 2)).shape)
"""


@pytest.mark.sampled(5)
@pytest.mark.slow
@pytest.mark.parametrize(
    "use, result",
    [
        ("parts()", 0),
        ("a_part()", True),
        ("sys.modules[name].is_compiling() + 1", 1),
        ("sys.modules[name].disable(parts)()", 0),
        ("compiled()", [3, 2]),
    ],
)
def test_the_compiler_is_imported_only_for_who_uses_it(cold_server, submit, use, result):
    source = f"{COMPILER}found = {use}\nlater = parts() > 0\ndef f(): return found, later"
    with open_sandbox(cold_server.control, submit(source), LIMITS) as sandbox:
        student = sandbox.student()
        assert student.f() == (result, result != 0)
        student.close()


def test_a_missing_library_does_no_harm(sandbox_server, submit):
    source = "try:\n    import seaborn\nexcept ImportError: pass\ndef f(): return 1"
    with open_sandbox(sandbox_server.control, submit(source), LIMITS) as sandbox:
        student = sandbox.student()
        assert student.f() == 1
        student.close()


def test_a_name_that_is_not_of_the_list_is_not_imported(sandbox_server, submit, monkeypatch):
    monkeypatch.setattr("grader.sandbox.libraries.mentioned", lambda submission: ["this", "pandas"])

    with open_sandbox(sandbox_server.control, submit(LOADED + ASK), LIMITS) as sandbox:
        student = sandbox.student()
        assert (student.loaded("this"), student.loaded("pandas")) == (False, True)
        student.close()
