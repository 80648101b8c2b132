"""The libraries that submissions are likely to import, and which of them a submission mentions."""

import re
import sys

from grader.model.submission import Submission

_COMPILER = ("torch._dynamo.config", "torch._inductor.config")
_COMPILED = frozenset(
    ["_dynamo", "checkpoint", "compile", "export", "func", "use_deterministic_algorithms"]
)
"""Words of PyTorch whose use imports the compiler."""
LIBRARIES = frozenset(
    [
        *("IPython.display", "matplotlib", "matplotlib.pyplot", "pandas", "seaborn"),
        *("scipy", "scipy.integrate", "scipy.interpolate", "scipy.linalg", "scipy.optimize"),
        *("scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats"),
        *(
            "sklearn",
            "sklearn.cluster",
            "sklearn.compose",
            "sklearn.datasets",
            "sklearn.decomposition",
        ),
        *(
            "sklearn.ensemble",
            "sklearn.feature_selection",
            "sklearn.impute",
            "sklearn.linear_model",
        ),
        *("sklearn.manifold", "sklearn.metrics", "sklearn.model_selection", "sklearn.naive_bayes"),
        *(
            "sklearn.neighbors",
            "sklearn.neural_network",
            "sklearn.pipeline",
            "sklearn.preprocessing",
        ),
        *("sklearn.svm", "sklearn.tree", "tqdm", "tqdm.auto", "tqdm.notebook"),
        *_COMPILER,
    ]
)
"""Libraries that the sandbox's server may load: importing them runs no student code and has no side effects."""


def mentioned(submission: Submission) -> list[str]:
    """Return the libraries whose name consists of words in the submission, however it imports them.

    The code isn't parsed, so nothing that a student writes can make this slow or fail.
    """
    words = {word for cell in submission.cells for word in re.findall(r"\w+", cell.source)}
    compiler = () if words.isdisjoint(_COMPILED) else _COMPILER
    return sorted(
        name for name in LIBRARIES if words.issuperset(name.split(".")) or name in compiler
    )


def split_once() -> None:
    """Let scikit-learn, if it is loaded, look through all installed packages: it does so at a process's first split.

    What is forked then needn't.
    """
    if (selection := sys.modules.get("sklearn.model_selection")) is not None:
        selection.train_test_split([0, 1], random_state=0)
