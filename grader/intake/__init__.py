"""Find hand-ins in folders and downloads, and identify the student and assignment of each."""

from grader.intake.find import Intake, find_hand_ins, hand_in, student_of
from grader.intake.roster import read_adjustments, read_extensions, read_roster, read_teams

__all__ = [
    "Intake",
    "find_hand_ins",
    "hand_in",
    "read_adjustments",
    "read_extensions",
    "read_roster",
    "read_teams",
    "student_of",
]
