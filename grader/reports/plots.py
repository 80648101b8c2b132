"""Draw plots as inline SVG with the page's colours, so that they follow its dark mode."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Literal
from xml.etree import ElementTree

import matplotlib as mpl
import msgspec
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from grader.model.score import Curve, drawable

_COLOURS = {
    "#000001": "currentColor",
    "#000002": "var(--mine)",
    "#000003": "var(--reference)",
    "#000004": "var(--bad)",
}
_INK, _MINE, _REFERENCE, _BAD = _COLOURS
_LOWEST = 1e-4
"""Lower losses are drawn as this one, because they would flatten all other curves."""
_SVG = "{http://www.w3.org/2000/svg}"


def loss_plot(curve: Curve, label: str, threshold: float | None = None) -> Markup:
    """Return a student's losses over the training (in percent of its length), with the band of the reference.

    The loss to reach, `threshold`, is a dashed line; the final value stands at the end of the curve.
    """
    low, high = curve.low or (), curve.high or ()

    def draw(axes: Axes) -> None:
        if low and high:
            x = _progress(low)
            axes.fill_between(x, drawable(low), drawable(high), color=_REFERENCE)
            axes.plot(x, drawable(low), color=_REFERENCE, linewidth=3)
        if threshold is not None:
            axes.plot((0, 100), (threshold, threshold), color=_BAD, linewidth=1.2, dashes=(4, 3))
        axes.plot(_progress(curve.values), mine, color=_MINE, linewidth=1.8)
        axes.plot((100,), mine[-1:], "o", color=_MINE, ms=5, clip_on=False)
        axes.annotate(
            f"{curve.values[-1]:.3g}",
            (100, mine[-1]),
            xytext=(-4, 7),
            textcoords="offset points",
            ha="right",
            color=_INK,
            weight="bold",
        )

    mine = drawable(curve.values)
    bounds = [curve.values, low, high, () if threshold is None else (threshold,)]
    return _picture(draw, _losses_view(bounds), label)


def predictions_plot(curve: Curve, label: str) -> Markup:
    """Return a student's predictions as dots and the true values as rings, row by row."""
    true, predicted = drawable(curve.low or ()), drawable(curve.values)
    rows, values = max(len(true), len(predicted)), [*true, *predicted]

    def draw(axes: Axes) -> None:
        axes.plot(_rows(true), true, "o", mec=_REFERENCE, mfc="none", ms=9, mew=2.5)
        axes.plot(_rows(predicted), predicted, "o", color=_MINE, ms=4)

    view = _View(
        scale="whole",
        x=(0.6 - 0.03 * rows, 0.4 + 1.03 * rows),
        y=(math.floor(min(values)) - 0.3, math.ceil(max(values)) + 0.3),
    )
    return _picture(draw, view, label)


def losses_plot(curves: Mapping[str, Curve], label: str) -> Markup:
    """Return the loss curves of a whole class; each curve's key is the id of its element."""

    def draw(axes: Axes) -> None:
        for key, curve in curves.items():
            values = drawable(curve.values)[:: max(1, len(curve.values) // 60)]
            axes.plot(_progress(values), values, color=_MINE, linewidth=1.2, gid=key)

    view = _losses_view([curve.values for curve in curves.values()], height=3.6)
    return _picture(draw, view, label)


_WIDTH = 6.0  # inches, as heights are
_Scale = Literal["linear", "log", "whole"]


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """The axes of a plot. Limits are round, so that many plots share one frame."""

    scale: _Scale
    """The vertical scale; "whole" has ticks at whole numbers only."""
    x: tuple[float, float]
    y: tuple[float, float]
    height: float = 2.4


def _losses_view(losses: Sequence[Sequence[float]], height: float = 2.4) -> _View:
    """Use a logarithmic scale if the losses span more than two powers of ten."""
    values = [value for each in losses for value in drawable(each)]
    if min(values) > 0 and max(values) > 100 * min(values):
        low, high = (10.0 ** math.floor(math.log10(v)) for v in (min(values), 10 * max(values)))
        y = (max(low, _LOWEST), max(high, 10 * _LOWEST))
        return _View(scale="log", x=(0, 100), y=y, height=height)
    return _View(scale="linear", x=(0, 100), y=_round_limits(values, 0.02), height=height)


def _round_limits(values: Sequence[float], margin: float) -> tuple[float, float]:
    """The outermost ticks, extended by a fraction `margin` of their distance."""
    first, *_, last = MaxNLocator(4).tick_values(min(values), max(values))
    return first - margin * (last - first), last + margin * (last - first)


def _picture(draw: Callable[[Axes], object], view: _View, label: str) -> Markup:
    """An SVG element. Its text is digits only; labels are part of the page, in its language."""
    box = f"0 0 {72 * _WIDTH:g} {72 * view.height:g}"
    element = ElementTree.Element("svg", {"viewBox": box, "role": "img", "aria-label": label})
    element.extend(_frame(view))
    element.extend(_drawn(draw, view, frame=False))
    return Markup(ElementTree.tostring(element, encoding="unicode"))


@lru_cache(1000)
def _frame(view: _View) -> tuple[ElementTree.Element, ...]:
    """The axes with their ticks, cached because they take most of the time."""
    return _drawn(lambda axes: None, view, frame=True)


def _drawn(
    draw: Callable[[Axes], object], view: _View, *, frame: bool
) -> tuple[ElementTree.Element, ...]:
    with mpl.rc_context(
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
    ):
        figure, axes = _axes(view.scale, view.height)
        axes.set(xlim=view.x, ylim=view.y)
        axes.axison = frame
        try:
            draw(axes)
            file = io.BytesIO()
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        finally:
            for artist in (*axes.lines, *axes.collections, *axes.patches, *axes.texts):
                artist.remove()
    return _plain(file.getvalue())


@cache
def _axes(scale: _Scale, height: float) -> tuple[Figure, Axes]:
    """The axes that all plots share: creating new ones takes longer than drawing."""
    figure = Figure(figsize=(_WIDTH, height))
    axes = figure.add_axes((0.11, 0.12, 0.87, 0.84))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if scale == "log":
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=scale == "whole"))
    return figure, axes


def _plain(svg: bytes) -> tuple[ElementTree.Element, ...]:
    """The elements of an SVG document without inline styles, which the page's content policy blocks."""
    root = ElementTree.fromstring(svg)
    drawn = [child for child in root if _local(child.tag) == "g"]
    found = (*root.findall(f"{_SVG}defs[{_SVG}clipPath]"), *drawn)
    for each in (element for top in found for element in top.iter()):
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
    return found


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _progress(values: Sequence[float]) -> list[float]:
    return [100 * i / max(1, len(values) - 1) for i in range(len(values))]


def _rows(values: Sequence[float]) -> range:
    return range(1, len(values) + 1)
