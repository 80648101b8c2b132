"""Draw plots as inline SVG with the page's colours, so that they follow its dark mode."""

import math
from collections.abc import Mapping, Sequence

import msgspec
from markupsafe import Markup

from grader.model.score import Curve, drawable

_LOWEST = 1e-4
"""On a logarithmic scale, lower losses are drawn as this one, because they would flatten all other curves."""
_LEFT, _RIGHT, _TOP, _BELOW = 47.5, 423.5, 7, 21
"""The edges of the area of a plot in SVG units, `_BELOW` from the lower edge of the picture."""
_WIDTH = 432


def loss_plot(curve: Curve, label: str, threshold: float | None = None) -> Markup:
    """Return a student's losses over the training (in percent of its length), with the band of the reference.

    The loss to reach, `threshold`, is a dashed line; the final value stands at the end of the curve.
    """
    mine, low, high = (drawable(each or ()) for each in (curve.values, curve.low, curve.high))
    view = _losses_view([*mine, *low, *high, *(() if threshold is None else (threshold,))])
    parts = []
    if low and high:
        band = "L".join((*_progress(view, low), *reversed(_progress(view, high))))
        parts.append(
            f'<path d="M{band}Z" fill="var(--reference)" stroke="var(--reference)" stroke-width="1.5" '
            'stroke-linejoin="round"/>'
        )
    if threshold is not None:
        parts.append(
            f'<path d="M{_LEFT} {view.down([threshold])[0]:.1f}H{_RIGHT}" stroke="var(--bad)" '
            'stroke-width="1.2" stroke-dasharray="5 4"/>'
        )
    end = view.down(mine)[-1]
    beside = end - 7 if end > _TOP + 12 else end + 15
    parts.append(
        f'<path d="M{"L".join(_progress(view, mine))}" fill="none" stroke="var(--mine)" '
        'stroke-width="1.8" stroke-linejoin="round"/>'
        f'<circle cx="{_RIGHT}" cy="{end:.1f}" r="2.5" fill="var(--mine)"/>'
        f'<text x="{_RIGHT - 4}" y="{beside:.1f}" text-anchor="end" fill="currentColor" font-size="10" '
        f'font-weight="bold">{curve.values[-1]:.3g}</text>'
    )
    return _picture(view, parts, label)


def predictions_plot(curve: Curve, label: str) -> Markup:
    """Return a student's predictions as dots and the true values as rings, row by row."""
    true, predicted = drawable(curve.low or ()), drawable(curve.values)
    rows, values = max(len(true), len(predicted)), [*true, *predicted]
    x = (0.6 - 0.03 * rows, 0.4 + 1.03 * rows)
    y = (math.floor(min(values)) - 0.3, math.ceil(max(values)) + 0.3)
    view = _View(x=x, y=y, ticks=_within(y, _ticks(*y, 5, whole=True)))

    def dots(values: Sequence[float], radius: float) -> str:
        return "".join(
            f'<circle cx="{view.right(row):.1f}" cy="{y:.1f}" r="{radius}"/>'
            for row, y in enumerate(view.down(values), start=1)
        )

    parts = [
        f'<g fill="none" stroke="var(--reference)" stroke-width="2.5">{dots(true, 4.5)}</g>',
        f'<g fill="var(--mine)">{dots(predicted, 2.5)}</g>',
    ]
    return _picture(view, parts, label)


def losses_plot(curves: Mapping[str, Curve], label: str) -> Markup:
    """Return the loss curves of a whole class; each curve's key is the id of its element."""
    losses = {
        key: drawable(curve.values)[:: max(1, len(curve.values) // 60)]
        for key, curve in curves.items()
    }
    view = _losses_view([value for each in losses.values() for value in each], height=259)
    paths = "".join(
        f'<path id="{key}" d="M{"L".join(_progress(view, each))}"/>' for key, each in losses.items()
    )
    return _picture(
        view, [f'<g fill="none" stroke="var(--mine)" stroke-width="1.2">{paths}</g>'], label
    )


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """What the axes of a plot show, and where."""

    x: tuple[float, float]
    y: tuple[float, float]
    ticks: Sequence[float]
    """Those of the vertical axis."""
    log: bool = False
    """Whether the vertical axis is logarithmic."""
    height: int = 173

    def right(self, x: float) -> float:
        """Where `x` is on the picture."""
        first, last = self.x
        return _LEFT + (x - first) / (last - first) * (_RIGHT - _LEFT)

    def down(self, values: Sequence[float]) -> list[float]:
        """Where values are on the picture."""
        low, high = self.y
        if self.log:
            values = [math.log10(max(low, value)) for value in values]
            low, high = math.log10(low), math.log10(high)
        bottom = self.height - _BELOW
        scale = (bottom - _TOP) / (high - low)
        return [bottom - (value - low) * scale for value in values]


def _losses_view(values: Sequence[float], height: int = 173) -> _View:
    """Use a logarithmic scale if the losses span more than two powers of ten."""
    least, most = min(values), max(values)
    if least > 0 and most > 100 * least:
        lowest = round(math.log10(_LOWEST))
        low = max(lowest, math.floor(math.log10(least)))
        high = max(lowest, math.floor(math.log10(most))) + 1
        powers = [10.0**power for power in range(low, high + 1)]
        every = 1 + (high - low) // 6
        return _View(
            x=(0, 100), y=(powers[0], powers[-1]), ticks=powers[::every], log=True, height=height
        )
    ticks = _ticks(least, most, 5)
    margin = 0.02 * (ticks[-1] - ticks[0])
    y = (ticks[0] - margin, ticks[-1] + margin)
    return _View(x=(0, 100), y=y, ticks=ticks, height=height)


def _progress(view: _View, values: Sequence[float]) -> list[str]:
    """Points of a path: the values over the whole width."""
    step = (_RIGHT - _LEFT) / max(1, len(values) - 1)
    return [f"{_LEFT + i * step:.1f} {y:.1f}" for i, y in enumerate(view.down(values))]


def _picture(view: _View, parts: Sequence[str], label: str) -> Markup:
    """An SVG element. Its text is digits only; labels are part of the page, in its language."""
    return Markup(
        '<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{parts}{frame}</svg>'
    ).format(
        width=_WIDTH,
        height=view.height,
        label=label,
        frame=Markup(_frame(view)),
        parts=Markup("".join(parts)),
    )


def _frame(view: _View) -> str:
    """The axes with their ticks."""
    bottom = view.height - _BELOW
    across = [(tick, view.right(tick)) for tick in _within(view.x, _ticks(*view.x, 5, whole=True))]
    up = list(zip(view.ticks, view.down(view.ticks), strict=True))
    marks = [f"M{x:.1f} {bottom}v3.5" for _, x in across] + [
        f"M{_LEFT} {y:.1f}h-3.5" for _, y in up
    ]
    return (
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{_RIGHT}{"".join(marks)}" fill="none" '
        'stroke="currentColor" stroke-width=".8"/><g fill="currentColor" font-size="10">'
        + "".join(
            f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{tick:g}</text>'
            for tick, x in across
        )
        + "".join(
            f'<text x="{_LEFT - 7}" y="{y + 3.6:.1f}" text-anchor="end">{tick:g}</text>'
            for tick, y in up
        )
        + "</g>"
    )


def _within(limits: tuple[float, float], ticks: Sequence[float]) -> list[float]:
    return [tick for tick in ticks if limits[0] <= tick <= limits[1]]


def _ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """At least two round numbers in equal steps that enclose `low` and `high`, with at most `most` steps.

    Limits that differ in less than three digits are taken apart, so that the ticks differ in six.
    """
    apart = max(1e-3 * max(abs(low), abs(high)), 1e-12)
    if high - low < apart:
        low, high = (low + high - apart) / 2, (low + high + apart) / 2
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = max(1, round(factor * power)) if whole else factor * power
        first, last = math.floor(low / step), math.ceil(high / step)
        if last - first <= most:
            break
    return [number * step for number in range(first, last + 1)]
