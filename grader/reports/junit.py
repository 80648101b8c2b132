"""Export a class as JUnit XML, in pytest's dialect."""

from xml.etree import ElementTree as Xml

from grader.model.assignment import Assignment
from grader.model.record import ClassRecord, Record
from grader.model.score import ItemResult, Verdict
from grader.model.text import Language, printable, tr


def to_junit(record: ClassRecord, language: Language) -> bytes:
    """Return a suite per hand-in that counts, with a test case per rubric item.

    An ungraded item is an error; any other item that didn't pass is a failure. Items of excused students are skipped.
    Details for assistants are left out, because students often see build reports.
    """
    root = Xml.Element("testsuites", name="grader")
    for hand_in in record.counting.values():
        root.append(_suite(hand_in, language))
    for student, name in sorted(record.excused):
        root.extend(_skipped(each, student) for each in record.assignments if each.name == name)
    Xml.indent(root)
    document: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _suite(record: Record, language: Language) -> Xml.Element:
    report = record.report
    ungraded = sum(item.verdict is Verdict.UNGRADED for item in report.items)
    passed = sum(item.verdict is Verdict.PASSED for item in report.items)
    suite = Xml.Element(
        "testsuite",
        name=_line(f"{report.assignment}.{report.student}"),
        errors=str(ungraded),
        failures=str(len(report.items) - passed - ungraded),
        skipped="0",
        tests=str(len(report.items)),
        time=f"{report.seconds:.3f}",
        timestamp=record.graded_at.isoformat(),
        hostname="localhost",  # what the schema wants where nothing tells
    )
    score = record.final_score
    _properties(
        suite,
        {
            "score": "" if score is None else f"{score:g}",
            "max_score": f"{report.max_score:g}",
            "late_penalty": f"{record.penalty:g}",
        },
    )
    suite.extend(_case(item, suite.attrib["name"], language) for item in report.items)
    return suite


def _skipped(assignment: Assignment, student: str) -> Xml.Element:
    """The suite of a student who is excused."""
    count = str(len(assignment.items))
    name = _line(f"{assignment.name}.{student}")
    suite = Xml.Element(
        "testsuite", name=name, errors="0", failures="0", skipped=count, tests=count, time="0.000"
    )
    for item in assignment.items:
        case = Xml.SubElement(suite, "testcase", classname=name, name=item.id, time="0.000")
        Xml.SubElement(case, "skipped", message="excused")
    return suite


def _case(item: ItemResult, suite: str, language: Language) -> Xml.Element:
    case = Xml.Element("testcase", classname=suite, name=item.id, time=f"{item.seconds:.3f}")
    points = "" if item.points is None else f"{item.points:g}"
    _properties(
        case,
        {"points": points, "max_points": f"{item.max_points:g}", "verdict": item.verdict.value},
    )
    if item.verdict is not Verdict.PASSED:
        kind = "error" if item.verdict is Verdict.UNGRADED else "failure"
        message = tr(
            "{item}: {verdict}. {message}",
            item=item.title,
            verdict=item.verdict.text,
            message=item.message,
        )
        Xml.SubElement(case, kind, message=_line(message.in_(language)))
    return case


def _properties(parent: Xml.Element, values: dict[str, str]) -> None:
    properties = Xml.SubElement(parent, "properties")
    for name, value in values.items():
        Xml.SubElement(properties, "property", name=name, value=value)


def _line(words: str) -> str:
    """Remove characters that XML doesn't allow; `printable` replaces all of them."""
    return printable(words, 1000)
