"""Show the result of a check as a card in a notebook or as text in a terminal."""

import sys
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec
from jinja2 import Environment, StrictUndefined, Template

from grader.grading.selfcheck import PUBLIC_ONLY
from grader.model.assignment import MAX_LOSS
from grader.model.score import ItemResult, Verdict
from grader.model.text import Language, Text, printable, tr, visible
from grader.notebook.live import Checked, loss_curve
from grader.notebook.shown import Shown
from grader.sandbox import LiveCall

_MAX_MESSAGE = 1000
_MAX_CALLS = 20
_WIDTH, _HEIGHT = 320.0, 96.0
"""Of a curve, in pixels, without the words around it."""

_MARKS = {
    Verdict.PASSED: ("✓", "O"),
    Verdict.NOT_IMPLEMENTED: ("○", "-"),
    Verdict.UNGRADED: ("?", "?"),
}
_LOST = ("✗", "X")
_KINDS = {Verdict.PASSED: "passed", Verdict.NOT_IMPLEMENTED: "open"}


class Card(Shown):
    """The result of the public checks, shown as a card in a notebook and as text in a terminal."""

    def __init__(self, checked: Checked, language: Language) -> None:
        self._view = _card(checked, language)

    def __repr__(self) -> str:
        return _text(self._view, _letters())

    def _repr_html_(self) -> str:
        return _template().render(card=self._view)


class _Call(msgspec.Struct, frozen=True):
    what: str
    returned: str


class _Plot(msgspec.Struct, frozen=True):
    """A curve in pixel coordinates."""

    path: str
    words: str
    highest: str
    lowest: str
    limit: float | None
    """The y coordinate of the threshold line."""
    limit_words: str
    width: float = _WIDTH
    height: float = _HEIGHT


class _Item(msgspec.Struct, frozen=True):
    id: str
    title: str
    mark: str
    letter: str
    kind: str
    verdict: str
    points: str
    message: str
    calls: Sequence[_Call]
    plot: _Plot | None


class _Card(msgspec.Struct, frozen=True):
    language: Language
    title: str
    summary: str
    items: Sequence[_Item]
    notes: Sequence[str]
    output: str
    words: dict[str, str]


def _card(checked: Checked, language: Language) -> _Card:
    report = checked.report
    passed = sum(item.verdict is Verdict.PASSED for item in report.items)
    summary = tr(
        "{passed} of {count} items pass the public checks · {score} of {max_score} points",
        passed=passed,
        count=len(report.items),
        score=f"{report.score:g}",
        max_score=f"{report.max_score:g}",
    )

    def say(text: Text) -> str:
        return text.in_(language)

    return _Card(
        language=language,
        title=say(checked.assignment.title),
        summary=say(summary),
        items=[_item(item, checked, language) for item in report.items],
        notes=[say(note) for note in (*report.notes, PUBLIC_ONLY)],
        output=visible(report.output),
        words={
            "calls": say(tr("calls and results")),
            "output": say(tr("printed output")),
        },
    )


def _item(item: ItemResult, checked: Checked, language: Language) -> _Item:
    mark, letter = _MARKS.get(item.verdict, _LOST)
    points = "–" if item.points is None else f"{item.points:g}"
    return _Item(
        id=item.id,
        title=item.title.in_(language),
        mark=mark,
        letter=letter,
        kind=_KINDS.get(item.verdict, "lost"),
        verdict=item.verdict.text.in_(language),
        points=f"{points} / {item.max_points:g}",
        message=printable(item.message.in_(language), _MAX_MESSAGE),
        calls=_calls(checked.calls.get(item.id, ()), language),
        plot=_plot(checked, item.id, language),
    )


def _calls(calls: Sequence[LiveCall], language: Language) -> list[_Call]:
    """The calls of an item without duplicates."""
    raised = tr("an exception")
    words = [
        _Call(printable(c.what.in_(language)), printable((c.returned or raised).in_(language)))
        for c in calls
    ]
    return list(dict.fromkeys(words))[:_MAX_CALLS]


def _plot(checked: Checked, item: str, language: Language) -> _Plot | None:
    curve = loss_curve(checked, item)
    if curve is None:
        return None
    values, threshold = curve.values, checked.assignment.thresholds.get(MAX_LOSS)
    bounds = [*values, *([] if threshold is None else [threshold])]
    low, high = min(bounds), max(bounds)
    scale = _HEIGHT / ((high - low) or 1.0)

    def down(value: float) -> float:
        return round((high - value) * scale, 1)

    step = _WIDTH / (len(values) - 1)
    words = tr(
        "training loss, from {first} to {last}",
        first=f"{values[0]:.4g}",
        last=f"{values[-1]:.4g}",
    )
    limit = tr("required: at most {limit}", limit=f"{threshold:g}") if threshold else Text("", "")
    return _Plot(
        path="M" + "L".join(f"{n * step:.1f},{down(value):.1f}" for n, value in enumerate(values)),
        words=words.in_(language),
        highest=f"{high:.3g}",
        lowest=f"{low:.3g}",
        limit=None if threshold is None else down(threshold),
        limit_words=limit.in_(language),
    )


def _text(card: _Card, letters: bool) -> str:
    lines = [f"{card.title} · {card.summary}"]
    for item in card.items:
        mark = item.letter if letters else item.mark
        lines.append(f"{mark} {item.title} ({item.id}): {item.verdict}, {item.points}")
        lines += [
            f"    {words}" for words in (item.message, item.plot and item.plot.words) if words
        ]
    return visible("\n".join([*lines, *(f"· {note}" for note in card.notes)]))


def _letters() -> bool:
    """Whether the terminal can't display the marks and needs letters instead."""
    try:
        "✓✗○".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(
        files("grader.notebook").joinpath("card.html.j2").read_text("utf-8")
    )
