"""Pictures of numbers as inline SVG whose colours come from the page, so that they follow its dark mode."""

import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from types import TracebackType
from typing import Literal, Self
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from grader.score import Curve

_COLOURS = {
    "#000001": "currentColor",
    "#000002": "var(--mine)",
    "#000003": "var(--reference)",
}
_INK, _MINE, _REFERENCE = _COLOURS
_LARGEST = 1e9
_LOWEST = 1e-4
"""Losses below are as good as none; a picture that reaches further down would flatten all others."""
_SVG = "{http://www.w3.org/2000/svg}"


def loss_plot(curve: Curve, label: str) -> Markup:
    """Return a student's losses over the training, in percent of its length, and the reference's band."""
    low, high = curve.low or (), curve.high or ()
    with _losses_frame([curve.values, low, high]) as frame:
        if low and high:
            x = _progress(low)
            frame.axes.fill_between(x, _drawable(low), _drawable(high), color=_REFERENCE)
            frame.axes.plot(x, _drawable(low), color=_REFERENCE, linewidth=3)
        x = _progress(curve.values)
        frame.axes.plot(x, _drawable(curve.values), color=_MINE, linewidth=1.8)
        return frame.svg(label)


def predictions_plot(curve: Curve, label: str) -> Markup:
    """Return a student's predictions as dots within the rings of the true values, row by row."""
    with _Frame("classes") as frame:
        if curve.low is not None:
            true = _drawable(curve.low)
            frame.axes.plot(_rows(true), true, "o", mec=_REFERENCE, mfc="none", ms=9, mew=2.5)
        frame.axes.plot(_rows(curve.values), _drawable(curve.values), "o", color=_MINE, ms=4)
        return frame.svg(label)


def losses_plot(curves: Mapping[str, Curve], label: str) -> Markup:
    """Return the losses of a whole class, each as an element with its key as its id."""
    with _losses_frame([curve.values for curve in curves.values()], height=3.6) as frame:
        for key, curve in curves.items():
            values = _drawable(curve.values)[:: max(1, len(curve.values) // 60)]
            frame.axes.plot(_progress(values), values, color=_MINE, linewidth=1.2, gid=key)
        return frame.svg(label)


def scores_plot(scores: Sequence[float], highest: float, label: str) -> Markup:
    """Return how many students have how many points, in ten steps up to `highest`."""
    with _Frame("counts") as frame:
        frame.axes.hist(
            np.clip(scores, 0, highest),
            bins=np.linspace(0, highest, 11).tolist(),
            color=_MINE,
            rwidth=0.9,
        )
        return frame.svg(label)


_Kind = Literal["losses", "small losses", "classes", "counts"]


@cache
def _axes(kind: _Kind, height: float) -> tuple[Figure, Axes]:
    """What pictures of one kind are drawn in, one after the other: to make it anew takes as long as to draw in it."""
    figure = Figure(figsize=(6, height))
    axes = figure.add_axes((0.09, 0.12, 0.89, 0.84))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_label_coords(0, 0)  # there is none; else its place is computed all the same
    match kind:
        case "losses":
            axes.yaxis.set_major_locator(MaxNLocator(4))
        case "small losses":
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
        case "classes":
            axes.margins(0.05, 0.15)
            axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        case "counts":
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    return figure, axes


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "grader",
            "font.size": 10,
            "axes.edgecolor": _INK,
            "axes.labelcolor": _INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "xtick.color": _INK,
            "ytick.color": _INK,
        }
    )


class _Frame:
    """Empty axes to draw in. Text in a picture is digits only: what needs a language stands beside it in the page."""

    def __init__(self, kind: _Kind, height: float = 2.4, bottom: float | None = None) -> None:
        """`bottom` is where the vertical axis begins, if not at the lowest value."""
        self._style = _style()
        self._kind, self._height, self._bottom = kind, height, bottom

    def __enter__(self) -> Self:
        self._style.__enter__()
        self._figure, self.axes = _axes(self._kind, self._height)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for artist in (*self.axes.lines, *self.axes.collections, *self.axes.patches):
            artist.remove()
        self.axes.relim()
        self._style.__exit__(kind, error, trace)

    def svg(self, label: str) -> Markup:
        """Return what was drawn as an element that is called `label`."""
        self.axes.autoscale(True)
        if self._bottom is not None:
            self.axes.set_ylim(bottom=self._bottom)
        file = io.BytesIO()
        self._figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        return _inline(file.getvalue(), label)


def _losses_frame(losses: Sequence[Sequence[float]], height: float = 2.4) -> _Frame:
    """A logarithmic scale where losses go over more than two powers of ten."""
    values = [value for each in losses for value in _drawable(each)]
    if values and min(values) > 0 and max(values) > 100 * min(values):
        return _Frame("small losses", height, bottom=max(_LOWEST, 0.8 * min(values)))
    return _Frame("losses", height)


def _inline(svg: bytes, label: str) -> Markup:
    """An SVG document as an element without styles of its own, which a strict page would not obey."""
    root = ElementTree.fromstring(svg)
    drawn = [child for child in root if _local(child.tag) == "g"]
    element = ElementTree.Element(
        "svg", {"viewBox": root.get("viewBox", ""), "role": "img", "aria-label": label}
    )
    element.extend([*root.findall(f"{_SVG}defs[{_SVG}clipPath]"), *drawn])
    for each in element.iter():
        each.tag = _local(each.tag)
        names = {_local(name): value for name, value in each.attrib.items()}
        for declaration in filter(None, names.pop("style", "").split(";")):
            name, value = map(str.strip, declaration.split(":", 1))
            names[name] = _COLOURS.get(value, value)
        if each.tag == "g" and "_" in names.get("id", ""):
            del names["id"]  # the library's own names, the same in every picture
        names.pop("font-family", None)
        each.attrib.clear()
        each.attrib.update(names)
    return Markup(ElementTree.tostring(element, encoding="unicode"))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _progress(values: Sequence[float]) -> list[float]:
    return [100 * i / max(1, len(values) - 1) for i in range(len(values))]


def _rows(values: Sequence[float]) -> range:
    return range(1, len(values) + 1)


def _drawable(values: Sequence[float]) -> list[float]:
    return [max(-_LARGEST, min(_LARGEST, value)) for value in values]
