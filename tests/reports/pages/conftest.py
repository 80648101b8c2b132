"""A class with hostile students' text, as the gradebook passes it to the reports."""

from datetime import UTC, datetime

import msgspec
import pytest

from grader.authoring.audit import Audit, Finding, JudgedMutant, JudgedSample, Margin
from grader.model.record import Adjustment, ClassRecord, Record, RosterEntry, Unmatched
from grader.model.score import Curve, ItemResult, Measure, Place, ScoreReport, Verdict
from grader.model.submission import Cell
from grader.model.text import Text

HOSTILE = (
    "<script>document.title = 'pwned'</script>",
    '"><img src=x onerror="document.title = \'pwned\'">',
    "'; document.title = 'pwned'; '",
    "\x1b[31mred\x1b[0m",
    "kim\u202egnp.exe",
    "../../../tmp/kim",
    "{{ 7 * 7 }}{% raw %}",
)
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LOSS = Curve(kind="loss", values=(2.0, 1.0, 0.5), low=(1.5, 0.8, 0.3), high=(2.5, 1.2, 0.4))
PREDICTIONS = Curve(
    kind="predictions", values=(0.1, 0.4, 0.9, 0.2), low=(0, 0, 1, 1), high=(0, 0, 1, 1)
)


def text(words):
    return Text(ko=words, en=words)


@pytest.fixture(scope="session")
def record(assignments):
    """Make the record of a hand-in of `wine`: its first item failed, the others have these verdicts."""

    def make(student="kim", words="two lines", verdicts=(Verdict.PASSED,) * 4, **fields):
        items = assignments["wine"].items
        lost = ItemResult(
            id=items[0].id,
            title=items[0].title,
            points=0,
            max_points=items[0].points,
            verdict=Verdict.FAILED,
            message=text(f"message: {words}"),
            detail=f"detail: {words}",
            seconds=1.5,
            place=Place("cell 2", 3),
            curves=(LOSS, PREDICTIONS),
            measures=(Measure(threshold="max_loss", value=0.42, bound=0.3, at_most=True),),
        )
        others = [
            ItemResult(
                id=item.id,
                title=item.title,
                points={Verdict.PASSED: item.points, Verdict.UNGRADED: None}.get(verdict, 0),
                max_points=item.points,
                verdict=verdict,
                message=text(""),
            )
            for item, verdict in zip(items[1:], verdicts, strict=True)
        ]
        report = ScoreReport(
            assignment="wine",
            student=student,
            submission=f"{student}_wine.ipynb",
            sha256="0" * 64,
            items=(lost, *others),
            gradable=Verdict.UNGRADED not in verdicts,
            isolation="full",
            notes=(text(f"note: {words}"),),
            output=f"printed: {words}",
        )
        source = f"import torch\n\n\nx = 1\n# {words}\nclass Net: ...\n"
        cells = (Cell("cell 1", source), Cell("cell 2", f"\n\ny = '''{words}'''\n"))
        given = {"cells": cells, "report": report, "origin": f"hw/{student}", "graded_at": NOW}
        return Record(**given | fields)

    return make


@pytest.fixture(scope="session")
def hostile_class(record, assignments):
    """A class of ordinary and hostile students, with something of everything that the class page shows."""
    records = [record(name, words=name) for name in HOSTILE]
    records += [
        record("ann", verdicts=(Verdict.UNGRADED, *[Verdict.PASSED] * 3)),
        record(
            "bob", verdicts=(Verdict.FORBIDDEN, Verdict.TIMEOUT, Verdict.ERROR, Verdict.CRASHED)
        ),
        record("eve", origin="hw/<b>1</b>", verdicts=(Verdict.FAILED,) * 4, counts=False),
        record("eve", origin="hw/2", handed_in=NOW),
        record("cho", late_days=2, penalty=10, handed_in=NOW, how="mixed"),
        record(
            "dan",
            adjustments=(
                Adjustment(points=5, reason="<i>bonus</i>", author="prof", made_at=NOW),
                Adjustment(points=-2, reason="style", author="prof", made_at=NOW, item="accuracy"),
            ),
        ),
    ]
    return ClassRecord(
        assignments=tuple(assignments.values()),
        records=tuple(records),
        roster=(
            RosterEntry("ann", "김하늘", section="<i>2</i>"),
            RosterEntry("zoe", "<b>Zoe</b>", section="10"),
        ),
        unmatched=(Unmatched("<u>hw</u>.py", text("who is <u>this</u>?")),),
    )


@pytest.fixture(scope="session")
def an_audit():
    """An audit with one of everything."""
    close = Measure(threshold="max_loss", value=0.28, bound=0.3, at_most=True)
    far = msgspec.structs.replace(close, value=0.1)
    missed = msgspec.structs.replace(close, threshold="min_accuracy", at_most=False)
    return Audit(
        assignment="wine",
        title=Text(ko="와인", en="Wine"),
        items=("convergence", "accuracy"),
        samples=(
            JudgedSample("solution.py", (), ()),
            JudgedSample("mistakes/flat.py", ("convergence",), ()),
        ),
        mutants=(
            JudgedMutant("no_step:train:1", "-    step()", ("convergence",)),
            JudgedMutant("sum_for_mean:train:2", "+    <b>sum</b>", (), "the same"),
            JudgedMutant("no_loss:train:3", "+    pass", ()),
        ),
        margins=(
            Margin("variants/adam.py", close, 0.01),
            Margin("solution.py", far, 0.01),
            Margin("variants/adam.py", missed, None),
        ),
        findings=(
            Finding(
                "mutant", "no_loss:train:3", Text(ko="만점", en="keeps all"), "+    <i>pass</i>"
            ),
        ),
    )
