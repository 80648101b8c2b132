"""Pictures of numbers as inline SVG whose colours come from the page, so that they follow its dark mode."""

import io
from collections.abc import Callable, Mapping, Sequence
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

    def draw(axes: Axes) -> None:
        band = (curve.low or (), curve.high or ())
        _scale_losses(axes, [curve.values, *band])
        if curve.low is not None and curve.high is not None:
            x = _progress(curve.low)
            axes.fill_between(x, _drawable(curve.low), _drawable(curve.high), color=_REFERENCE)
            axes.plot(x, _drawable(curve.low), color=_REFERENCE, linewidth=3)
        axes.plot(_progress(curve.values), _drawable(curve.values), color=_MINE, linewidth=1.8)

    return _picture(draw, label)


def predictions_plot(curve: Curve, label: str) -> Markup:
    """Return a student's predictions as dots within the rings of the true values, row by row."""

    def draw(axes: Axes) -> None:
        if curve.low is not None:
            true = _drawable(curve.low)
            axes.plot(_rows(true), true, "o", mec=_REFERENCE, mfc="none", ms=9, mew=2.5)
        axes.plot(_rows(curve.values), _drawable(curve.values), "o", color=_MINE, ms=4)
        axes.margins(0.05, 0.15)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))

    return _picture(draw, label)


def losses_plot(curves: Mapping[str, Curve], label: str) -> Markup:
    """Return the losses of a whole class, each as an element with its key as its id."""

    def draw(axes: Axes) -> None:
        _scale_losses(axes, [curve.values for curve in curves.values()])
        for key, curve in curves.items():
            values = _drawable(curve.values)[:: max(1, len(curve.values) // 60)]
            axes.plot(_progress(values), values, color=_MINE, linewidth=1.2, gid=key)

    return _picture(draw, label, height=3.6)


def scores_plot(scores: Sequence[float], highest: float, label: str) -> Markup:
    """Return how many students have how many points, in ten steps up to `highest`."""

    def draw(axes: Axes) -> None:
        axes.hist(
            np.clip(scores, 0, highest),
            bins=np.linspace(0, highest, 11).tolist(),
            color=_MINE,
            rwidth=0.9,
        )
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))

    return _picture(draw, label)


def _picture(draw: Callable[[Axes], None], label: str, height: float = 2.4) -> Markup:
    """An SVG element. Text in it is digits only: what needs a language stands beside it in the page."""
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
        figure = Figure(figsize=(6, height))
        axes = figure.add_axes((0.09, 0.12, 0.89, 0.84))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        draw(axes)
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _inline(file.getvalue(), label)


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


def _scale_losses(axes: Axes, losses: Sequence[Sequence[float]]) -> None:
    """Draw losses on a logarithmic scale where they go over more than two powers of ten."""
    values = [value for each in losses for value in _drawable(each)]
    if values and min(values) > 0 and max(values) > 100 * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=max(_LOWEST, 0.8 * min(values)))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))


def _progress(values: Sequence[float]) -> list[float]:
    return [100 * i / max(1, len(values) - 1) for i in range(len(values))]


def _rows(values: Sequence[float]) -> range:
    return range(1, len(values) + 1)


def _drawable(values: Sequence[float]) -> list[float]:
    return [max(-_LARGEST, min(_LARGEST, value)) for value in values]
