"""The hand-ins that all graders get: the reference solution, and ten awkward versions of `binary`."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import v4

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class HandIn:
    """A notebook for an assignment, and the score that it must get; None if it can't be read."""

    name: str
    cells: tuple[str, ...]
    right: float | None = 100
    broken: bool = False

    def write(self, path: Path, graded: tuple[nbformat.NotebookNode, ...] = ()) -> None:
        """Write the notebook, followed by a grader's own cells."""
        notebook = v4.new_notebook(cells=[*map(v4.new_code_cell, self.cells), *graded])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        text = nbformat.writes(notebook)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text[: len(text) // 2] if self.broken else text, encoding="utf-8")


def reference_cells(assignment: str) -> tuple[str, ...]:
    """The code cells of the reference solution without those that only demonstrate."""
    source = (ROOT / "solutions" / assignment / "solution.py").read_text(encoding="utf-8")
    parts = re.split(r"^# %%(.*)\n", source, flags=re.MULTILINE)[1:]
    heads, bodies = parts[::2], parts[1::2]
    return tuple(body.strip() for head, body in zip(heads, bodies, strict=True) if not head.strip())


def class_of(assignment: str, count: int) -> tuple[HandIn, ...]:
    """Hand-ins that are right and differ in a comment."""
    cells = reference_cells(assignment)
    return tuple(HandIn(name, (f"# {name}", *cells)) for name in (f"s{n:02}" for n in range(count)))


def awkward() -> tuple[HandIn, ...]:
    """Ten awkward hand-ins and a right one after them."""
    cells = reference_cells("binary")

    def sigmoid(body: str) -> tuple[str, ...]:
        return (*cells, f"def sigmoid(z):\n    {body}")

    return (
        HandIn("endless loop", sigmoid("while True: pass"), 90),
        HandIn(
            "memory bomb",
            sigmoid("rows = []\n    while True: rows.append(torch.ones(1 << 24))"),
            90,
        ),
        HandIn("os._exit", sigmoid("import os; os._exit(0)"), 90),
        HandIn("missing package", ("import no_such_plots as plots", *cells)),
        HandIn(
            "printed flood",
            sigmoid("for _ in range(5000): print('x' * 1000)\n    return torch.sigmoid(z)"),
        ),
        HandIn("broken notebook", cells, None, broken=True),
        HandIn("exit()", (*cells, "exit()")),
        HandIn(
            "seeds changed",
            (*cells, "import random\nrandom.seed(1)\ntorch.manual_seed(1)", RESEEDING),
        ),
        HandIn("forged result", (*sigmoid("return z"), FORGED), 80),
        HandIn("solution read", (READING,), 0),
        HandIn("zz right", cells),
    )


RESEEDING = """
def build_model():
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
"""
FORGED = """
def weighted_sum(x, w, b):
    return torch.tensor(0.0)

torch.allclose = lambda *args, **kwargs: True
"""
READING = """
import glob
import json

mark, found = "### BEGIN " + "SOLUTION", []
for up in range(1, 5):
    for path in [] if found else glob.glob("../" * up + "**/*", recursive=True):
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if mark in text and path.endswith(".py"):
                found.append(text)
            elif mark in text and path.endswith(".ipynb"):
                cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
                found.append("\\n".join(cell for cell in cells if "checks" not in cell))
        except Exception:
            pass
exec(found[0])
"""
