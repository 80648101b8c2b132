"""The rubric for pytest-prairielearn-grader: the checks run here, the submission in the plugin's process."""

import functools
import os

import checks
import pytest
import torch
from pytest_prairielearn_grader import ConfigObject

ASSIGNMENT, LIMIT = os.environ["ASSIGNMENT"], float(os.environ["LIMIT"])
autograder_config = ConfigObject(
    sandbox_timeout=LIMIT,
    builtin_whitelist=["all", "any", "getattr", "hasattr", "sum", "super", "type"],
    student_code_pattern="student_code.ipynb",
)


class Remote:
    """A student in the plugin's process."""

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def __getattr__(self, method):
        def ask(*args, **kwargs):
            return received(
                self.sandbox.query_function("_ask", method, *args, query_timeout=LIMIT, **kwargs)
            )

        return ask


def received(value):
    if isinstance(value, dict) and "tensor" in value:
        return torch.tensor(value["tensor"], dtype=getattr(torch, value["dtype"]))
    return [received(part) for part in value] if isinstance(value, list) else value


remote = functools.cache(Remote)


@pytest.fixture
def student(request):
    return remote(request.getfixturevalue(os.environ["SANDBOX"]))


def make_test(name, points):
    @pytest.mark.grading_data(name=name, points=points)
    def test(student):
        checks.run(ASSIGNMENT, name, student)

    return test


for name, (points, _) in checks.RUBRIC[ASSIGNMENT].items():
    globals()[f"test_{name}"] = make_test(name, points)
