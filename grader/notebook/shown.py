"""The return value of `grader.check`, which displays itself once, and again on request."""

import html
import sys
from typing import Any, Self


class Shown:
    """A result for the caller of `grader.check`: HTML in a notebook, text in a terminal."""

    _cell: int | None = None
    """The number of the cell that has displayed it."""

    def show(self) -> Self:
        """Show it now: in a loop, or above other lines of a cell, nobody else would."""
        if (shell := _shell()) is not None:
            self._cell = shell.execution_count
            self._display()
        elif not hasattr(sys, "ps1"):  # a prompt shows what a line returns
            sys.stdout.write(f"{self!r}\n")
        return self

    def _ipython_display_(self) -> None:
        """Show it as the value of a cell, unless that cell has just shown it."""
        shell = _shell()
        if shell is None or shell.execution_count != self._cell:
            self._display()
        self._cell = None

    def _display(self) -> None:
        from IPython.display import display

        display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)

    def _repr_html_(self) -> str:
        raise NotImplementedError


class Sentence(Shown):
    """A message that says why nothing was checked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._text)}</p>"


def _shell() -> Any:
    """The running IPython, None in a plain Python."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
