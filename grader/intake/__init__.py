"""Find hand-ins in folders and downloads, and identify the student and assignment of each."""

from grader.intake.find import Intake, find_hand_ins, hand_in, student_of
from grader.intake.matches import Open, read_matches, write_matches
from grader.intake.roster import read_adjustments, read_extensions, read_roster, read_teams

__all__ = [
    "Intake",
    "Open",
    "find_hand_ins",
    "hand_in",
    "read_adjustments",
    "read_extensions",
    "read_matches",
    "read_roster",
    "read_teams",
    "student_of",
    "write_matches",
]
