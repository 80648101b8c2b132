"""Compute the reference losses that reports draw behind a student's: the solution's training with its defaults.

    python tools/loss_band.py

Train each `solutions/<name>/solution.py` on its public data with five seeds, and write the lowest and highest losses to
`solutions/<name>/loss_band.json`. Run it again when a solution or its data changes.
"""

import contextlib
import importlib.util
import io
from pathlib import Path
from types import ModuleType

import msgspec
import torch

from grader.grading.plugin import LOSS_BAND, LossBand
from grader.model.score import sampled

SEEDS = range(2025, 2030)


def main() -> None:
    """Write a loss band next to each solution."""
    for path in sorted(Path("solutions").glob("*/solution.py")):
        solution = _load(path)
        runs = [_history(solution, seed) for seed in SEEDS]
        band = LossBand(
            low=tuple(round(min(losses), 6) for losses in zip(*runs, strict=True)),
            high=tuple(round(max(losses), 6) for losses in zip(*runs, strict=True)),
        )
        path.with_name(LOSS_BAND).write_bytes(msgspec.json.encode(band) + b"\n")


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"solution_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _history(solution: ModuleType, seed: int) -> tuple[float, ...]:
    torch.manual_seed(seed)
    model = solution.build_model()
    if hasattr(solution, "load_data"):
        x, _, y, _ = solution.load_data()
    else:
        x, y = (getattr(solution, name) for name in _DATA if hasattr(solution, name))
    with contextlib.redirect_stdout(io.StringIO()):
        return sampled([float(loss) for loss in solution.train(model, x, y)])


_DATA = ("X_train", "x_train", "y_train")

if __name__ == "__main__":
    main()
