"""Plots of any numbers are elements that a strict content policy allows."""

from xml.etree import ElementTree

import hypothesis.strategies as st
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

    found = {e.get("id") for e in read(losses_plot(curves, "x")).iter("g")}

    assert curves.keys() <= found


def test_all_points_of_a_curve_are_drawn():
    values = tuple((-1.0) ** n for n in range(200))

    assert max(lengths(loss_plot(Curve(kind="loss", values=values), "x"))) >= 200


def test_the_same_numbers_give_the_same_picture():
    curve = Curve(kind="loss", values=(2, 1))

    assert loss_plot(curve, "x") == loss_plot(curve, "x")
