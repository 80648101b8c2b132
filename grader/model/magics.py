"""Remove magics and shell lines from notebook cells, using IPython's own transformer."""

import re
import warnings
from functools import cache
from typing import Any

TRANSFORMER = "IPython.core.inputtransformer2"
_MAGIC = re.compile(r"get_ipython\(\)\.(run_line_magic|run_cell_magic|system|getoutput)\(")
_CELL_MAGIC = re.compile(r"(\s*)%%(\w+)[^\n]*\n?(.*)", re.DOTALL)
_LIKE_MAGIC = re.compile(r"^[ \t]*[%!?,;/]|=[ \t]*[%!]|\?[ \t]*$", re.MULTILINE)
_FOR_IPYTHON = re.compile(
    r"\A[ \t]|^[ \t]*(?:[%!?,;/]|>>>|\.\.\.|In \[)|=[ \t]*[%!]|\?[ \t]*$", re.MULTILINE
)
"""What its transformer may change: escapes, prompts, an indented cell. Most cells have none, and it is slow to load."""
_BARE = re.compile(
    r"^([ \t]*)((?:(?:pip3?|conda|mamba|apt|apt-get|brew)[ \t]+(?:install|uninstall|update|upgrade|list|show)\b"
    r"|(?:sudo|wget|curl|unzip|git|cd|mkdir|ls|cat|cp|mv|rm|matplotlib|load_ext|nvidia-smi)[ \t]+"
    r"(?![-+*/%|&^<>=.,:;)\]}]+[ \t]|(?:in|is|and|or|not|if|else|for)\b)[^\n=(]*$)[^\n]*)$",
    re.MULTILINE,
)
"""Commands that Jupyter runs without a sign before them, and that Python can't read."""
_IN_SCRIPT = re.compile(r"^[ \t]*[%!]|=[ \t]*[%!]|^[^#'\"\n]*\?[ \t]*$", re.MULTILINE)
_RUN_BELOW = ("time", "timeit", "capture", "prun")


def effort(source: str) -> int:
    """Return how many characters IPython may read for a cell: it rereads everything for each magic or escape."""
    return len(source) * (1 + len(_LIKE_MAGIC.findall(source)))


def was_notebook(script: str) -> bool:
    """Whether a script may hold magics and shell lines, as those that Colab downloads do."""
    return bool(_IN_SCRIPT.search(script) or _BARE.search(script))


def without_script_magics(source: str, shell: str) -> tuple[str, list[tuple[int, str]]]:
    """As `without_magics`, for a script of many cells: a cell's magic stands in a line of its own."""
    return without_magics(re.sub(r"^%%", "%", source, flags=re.MULTILINE), shell)


def without_magics(source: str, shell: str) -> tuple[str, list[tuple[int, str]]]:
    """Turn a cell's magics and shell lines into calls of methods of `shell`, which does nothing.

    Code after `%%time`, `%%capture` and `%time` stays code; lines keep their numbers.

    Returns:
        The source, and the skipped parts with their line numbers, starting at 1.
    """
    skipped = []
    above = 0  # empty lines in place of removed ones
    while match := _CELL_MAGIC.match(source):
        empty, magic, body = match.groups()
        skipped.append((above + empty.count("\n") + 1, f"%%{magic}"))
        above += source.count("\n") - body.count("\n")
        source = body if magic in _RUN_BELOW else "pass"
    lines = source.split("\n")
    while len(lines) > 1 and not lines[0].strip():
        above, lines = above + 1, lines[1:]
    source = _BARE.sub(r"\1%\2", "\n".join(lines))
    if not _FOR_IPYTHON.search(source):
        return "\n" * above + source.removesuffix("\n") + "\n", skipped
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            transformed = _transformer().transform_cell(source)
    except (
        SyntaxError,
        RuntimeError,
        IndexError,
    ):  # the cell's own error, reported when it is loaded
        transformed = source
    lines_after = transformed.split("\n")
    for number, (line, original) in enumerate(zip(lines_after, lines, strict=False)):
        if _MAGIC.search(line) and "get_ipython" not in original:
            timed = re.search(r"%time\b", original)
            what = timed.group() if timed else original
            lines_after[number] = line.replace("get_ipython()", shell)
            skipped.append((above + number + 1, what))
    return "\n" * above + "\n".join(lines_after), skipped


def load_transformer() -> None:
    """Load IPython's transformer, which takes long."""
    _transformer()


@cache
def _transformer() -> Any:
    from IPython.core.inputtransformer2 import TransformerManager

    class LineKeepingTransformer(TransformerManager):  # type: ignore[misc]
        """IPython's transformer, which also keeps line numbers after a magic of several lines."""

        def do_one_token_transform(self, lines: list[str]) -> tuple[bool, list[str]]:
            changed, after = super().do_one_token_transform(lines)
            missing = len(lines) - len(after)
            if changed and missing > 0:
                pairs = enumerate(zip(lines, after, strict=False))
                at = next((i for i, (x, y) in pairs if x != y), 0)
                after = [*after[: at + 1], *["\n"] * missing, *after[at + 1 :]]
            return changed, after

    return LineKeepingTransformer()
