"""The progress of a batch or an audit, and the number of parallel jobs."""

import os
from collections import Counter
from collections.abc import Mapping

import msgspec

from grader.model.score import ScoreReport, Verdict


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a batch, counted in submissions."""

    total: int
    kept: int = 0
    """Submissions that already had a report in the gradebook."""
    graded: int = 0
    """Submissions graded by this batch."""
    ungraded: int = 0
    """Submissions graded by this batch that have an ungraded item."""
    running: int = 0
    verdicts: Mapping[Verdict, int] = {}
    """Number of rubric items per verdict, in submissions graded by this batch."""


def with_report(state: State, report: ScoreReport) -> State:
    """Return the state updated with one more report."""
    return msgspec.structs.replace(
        state,
        graded=state.graded + 1,
        ungraded=state.ungraded + report.ungraded,
        verdicts=Counter(state.verdicts) + Counter(item.verdict for item in report.items),
    )


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))
