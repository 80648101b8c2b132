"""What a command waits for: told on a terminal when it takes a moment."""

import threading
from types import TracebackType
from typing import Self

from rich.status import Status
from rich.text import Text as Line

from grader.cli.console import console
from grader.model.text import Language, Text, visible

_SILENT_SECONDS = 0.5


class Waiting:
    """Shows the last thing told on standard error, after half a second, if that is a terminal. Use it with `with`."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._status = Status("", console=console(stderr=True))
        self._timer = threading.Timer(_SILENT_SECONDS, self._status.start)

    def __enter__(self) -> Self:
        if self._status.console.is_terminal:
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer.is_alive():
            self._timer.cancel()
            self._timer.join()
        self._status.stop()

    def tell(self, text: Text) -> None:
        """Show `text` in place of what was told before."""
        self._status.update(Line(visible(text.in_(self._language))))
