"""JUnit XML is well-formed for any student name, and separates our failures from theirs."""

from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.reports.junit import to_junit


def suites(record, language="en"):
    return ElementTree.fromstring(to_junit(record, language)).findall("testsuite")


def test_a_suite_counts_its_cases(in_class, hand_in):
    (suite,) = suites(in_class(hand_in("김철수", (20, None))))

    assert {key: suite.get(key) for key in ("name", "errors", "failures", "skipped", "tests")} == {
        "name": "wine.김철수",
        "errors": "1",
        "failures": "0",
        "skipped": "0",
        "tests": "2",
    }
    assert suite.get("timestamp") == "2026-03-02T09:30:00+00:00"
    assert float(suite.get("time")) == 1.0
    assert suite.get("hostname")


def test_a_case_for_each_item(in_class, hand_in):
    (suite,) = suites(in_class(hand_in("kim", (20, 0))))

    train, predict = suite.findall("testcase")
    assert (train.get("classname"), train.get("name")) == ("wine.kim", "train")
    assert train.find("failure") is None
    assert train.find("error") is None
    assert predict.find("failure").get("message") == "Prediction: failed. this is wrong"
    points = {p.get("name"): p.get("value") for p in predict.iter("property")}
    assert points == {"points": "0", "max_points": "10", "verdict": "failed"}


def test_partial_is_a_failure_and_ungraded_an_error(in_class, hand_in):
    (suite,) = suites(in_class(hand_in("kim", (7, None))))

    train, predict = suite.findall("testcase")
    assert train.find("failure") is not None
    assert predict.find("error") is not None
    assert predict.find("failure") is None


def test_an_ungraded_suite_has_no_score(in_class, hand_in):
    graded, left = suites(in_class(hand_in("a"), hand_in("b", (20, None))))

    assert graded.find("properties/property[@name='score']").get("value") == "30"
    assert left.find("properties/property[@name='score']").get("value") == ""


def test_details_are_left_out(in_class, hand_in):
    assert b"secret" not in to_junit(in_class(hand_in("kim", (0, 0))), "en")


def test_only_the_hand_in_that_counts(in_class, hand_in):
    assert len(suites(in_class(hand_in("kim", counts=False), hand_in("kim")))) == 1


@pytest.mark.parametrize("words", ["\x00", "\x1b[31m", "\ufffe", "\ud800", "]]>", "<&\"'>"])
def test_characters_that_xml_cannot_hold(in_class, hand_in, words):
    (suite,) = suites(in_class(hand_in(f"k{words}")))

    assert suite.get("name").startswith("wine.k")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_name_is_well_formed(in_class, hand_in, student):
    assert len(suites(in_class(hand_in(student)))) == 1


def test_items_of_who_is_excused_are_skipped(in_class, hand_in):
    (suite,) = suites(in_class(hand_in("kim"), excused=frozenset({("kim", "wine")})))

    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("2", "2", "0")
    assert len(suite.findall("testcase/skipped")) == 2
