"""An autograder for machine-learning homework in PyTorch.

The way of a submission is told by the modules, in this order: `submission`, `sandbox`, `plugin`, `grading`, `score`,
`reports`. Only `sandbox` ever runs a student's code, and only in a process that holds no tests and no solutions.
"""

from importlib.metadata import version

__version__ = version("grader")
