"""From what students handed in, as it is downloaded, to submissions: whose each is, and for which assignment."""

from grader.intake.find import HandIn, Intake, find_hand_ins, hand_in, student_of
from grader.intake.roster import read_extensions, read_roster

__all__ = [
    "HandIn",
    "Intake",
    "find_hand_ins",
    "hand_in",
    "read_extensions",
    "read_roster",
    "student_of",
]
