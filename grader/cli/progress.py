"""What is being waited for, and how far a batch is: live on a terminal, now and then a line in a log."""

import time
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn

from grader.cli.console import console
from grader.grading.progress import State
from grader.model.score import Verdict
from grader.model.text import Language, Text, tr

_LOG_SECONDS = 5.0


class Display:
    """Shows the progress of a batch on standard error. Use it in a `with` statement."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._console = console(stderr=True)
        self._bar = Progress(
            BarColumn(20),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("")
        self._began = self._logged = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, state: State) -> None:
        """Show the state: immediately in a terminal, otherwise at most every few seconds."""
        now = time.monotonic()
        if self._console.is_terminal:
            words = describe(state, now - self._began).in_(self._language)
            done = state.kept + state.graded
            self._bar.update(self._task, description=words, total=state.total, completed=done)
        elif now - self._logged >= _LOG_SECONDS:
            self._logged = now
            words = describe(state, now - self._began).in_(self._language)
            self._console.print(words, soft_wrap=True)


def describe(state: State, seconds: float) -> Text:
    """Return a description of the state, `seconds` after the start of the batch."""
    done = state.kept + state.graded
    rate = state.graded / seconds if seconds > 0 else 0.0
    left = str(timedelta(seconds=round((state.total - done) / rate))) if rate else "?"
    text = tr(
        "{done} of {total} graded, {running} running, {rate} per minute, {left} left",
        done=done,
        total=state.total,
        running=state.running,
        rate=f"{60 * rate:.0f}",
        left=left,
    )
    for verdict in Verdict:
        if state.verdicts.get(verdict):
            text = tr(
                "{text} · {verdict} {count}",
                text=text,
                verdict=verdict.text,
                count=state.verdicts[verdict],
            )
    return text
