"""Plots of any numbers are elements that a strict content policy allows."""

import re
from xml.etree import ElementTree

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from grader.model.score import Curve
from grader.reports.plots import loss_plot, losses_plot, predictions_plot

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)


def read(svg):
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert not [element for element in root.iter() if "style" in element.attrib]
    return root


def lengths(svg):
    """The numbers of points of all paths."""
    return [element.attrib["d"].count("L") + 1 for element in read(svg).iter("path")]


@settings(max_examples=20)
@given(NUMBERS, NUMBERS)
def test_any_finite_numbers_can_be_drawn(values, others):
    curve = Curve(kind="loss", values=tuple(values), low=tuple(others), high=tuple(others))

    read(loss_plot(curve, "x"))
    read(predictions_plot(curve, "x"))
    read(losses_plot({"curve-0-0": curve}, "x"))


def test_colours_are_those_of_the_page():
    svg = loss_plot(Curve(kind="loss", values=(2, 1), low=(1, 0), high=(2, 1)), "x")

    colours = {e.get("stroke") for e in read(svg).iter()} - {None, "none"}
    assert colours == {"currentColor", "var(--mine)", "var(--reference)"}


def test_plot_has_its_words_for_a_screen_reader():
    svg = loss_plot(Curve(kind="loss", values=(2, 1)), 'from "2" to <1>')

    assert (read(svg).get("role"), read(svg).get("aria-label")) == ("img", 'from "2" to <1>')


def test_losses_over_powers_of_ten_are_on_a_logarithmic_scale():
    svg = loss_plot(Curve(kind="loss", values=(10, 1, 0.1, 0.01)), "x")

    ticks = [element.text for element in read(svg).iter("text")]
    assert {"10", "0.1"} <= set(ticks)
    assert "5" not in ticks


def test_each_curve_of_a_class_can_be_found():
    curves = {f"curve-0-{n}": Curve(kind="loss", values=(n + 1.0, 1.0)) for n in range(3)}

    found = {e.get("id") for e in read(losses_plot(curves, "x")).iter("path")}

    assert curves.keys() <= found


def test_all_points_of_a_curve_are_drawn():
    values = tuple((-1.0) ** n for n in range(200))

    assert max(lengths(loss_plot(Curve(kind="loss", values=values), "x"))) >= 200


def test_the_same_numbers_give_the_same_picture():
    curve = Curve(kind="loss", values=(2, 1))

    assert loss_plot(curve, "x") == loss_plot(curve, "x")


def test_a_value_stands_at_its_tick():
    root = read(loss_plot(Curve(kind="loss", values=(2, 1, 0.5)), "x"))

    (dot,) = root.iter("circle")
    ticks = {e.text: e for e in root.iter("text") if e.get("font-weight") is None}
    assert dot.get("cx") == ticks["100"].get("x")
    assert float(ticks["0.5"].get("y")) - float(dot.get("cy")) == pytest.approx(3.6, abs=0.1)


@settings(max_examples=200)
@given(NUMBERS)
def test_everything_drawn_is_within_the_picture_and_ticks_differ(values):
    root = read(loss_plot(Curve(kind="loss", values=tuple(values)), "x"))

    ticks = [e.text for e in root.iter("text") if e.get("font-weight") is None]
    (dot,) = root.iter("circle")
    paths = [e.get("d") for e in root.iter("path")]
    points = [pair.split() for path in paths for pair in re.findall(r"[\d.-]+ [\d.-]+", path)]
    across, up = ticks[: ticks.index("100") + 1], ticks[ticks.index("100") + 1 :]
    assert across == ["0", "20", "40", "60", "80", "100"]
    assert len(up) == len(set(up)) >= 2
    assert all(47 <= float(x) <= 424 and 6 <= float(y) <= 156 for x, y in points)
    assert 6 <= float(dot.get("cy")) <= 153
