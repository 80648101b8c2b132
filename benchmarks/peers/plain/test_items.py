"""The rubric for plain pytest: the submission is executed in the process of the tests."""

import json
import os
from pathlib import Path

import checks
import pytest
from student import Student

ASSIGNMENT = os.environ["ASSIGNMENT"]


@pytest.fixture(scope="module")
def student():
    notebook = json.loads(Path(os.environ["HAND_IN"]).read_text(encoding="utf-8"))
    cells = ("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code")
    namespace = {"__name__": "submission"}
    exec("\n\n".join(cells), namespace)
    return Student(namespace)


@pytest.mark.parametrize("name", checks.RUBRIC[ASSIGNMENT])
def test_item(name, student):
    checks.run(ASSIGNMENT, name, student)
