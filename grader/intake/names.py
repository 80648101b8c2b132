"""Words in the names of files and folders: which may name a student, and which are noise."""

import re

from grader.intake.archive import ARCHIVES
from grader.model.submission import SUFFIXES

_MAX_WORDS = 20
_NOISE = re.compile(
    r"\(\d{1,3}\)|(?<![^\W_])(?:copy|복사본|사본|(?:final|최종|hw|homework|assignment|과제|숙제)\d*|submissions?|submitted"
    r"|submit|제출|제출물|수정|수정본|downloads?)(?![^\W_])",
    re.IGNORECASE,
)
_SUFFIX = re.compile("|".join(re.escape(each) + "$" for each in (*ARCHIVES, *SUFFIXES)), re.I)


def student_in(stem: str, assignment: re.Pattern[str]) -> str:
    """Return a file name's stem without the assignment, copies and words such as "final"; empty if nothing is left."""
    rest = re.sub(r"[\[(]\s*[\])]", "", _NOISE.sub("", assignment.sub("", stem)))
    return re.sub(r"([_\-\s.])[_\-\s.]+", r"\1", rest).strip("_- .[]")


def student_of_folder(folder: str, assignment: re.Pattern[str]) -> str:
    """Return a folder's name without the assignment. Other words stay: `jung` and `jung_final` may be two students."""
    name = bare(folder)
    if not student_in(name, assignment):
        return ""
    return assignment.sub("", name).strip("_- .") or name


def bare(name: str) -> str:
    """Return the name of a folder, or of a file without its suffix."""
    return _SUFFIX.sub("", name)


def lookups(name: str) -> tuple[str, ...]:
    """Return what a roster may know of a name: it, its words, and a student number that stands in it without space."""
    words = re.split(r"[\s_()\[\]]+", name)
    numbers = re.findall(r"(?<!\d)\d{5,}(?!\d)", name)
    letters = re.findall(r"[^\W\d_]+(?:[ ][^\W\d_]+)*", name) if numbers else []
    return tuple(dict.fromkeys(filter(None, (name, *words, *numbers, *letters))))[:_MAX_WORDS]


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name, as many as are looked at."""
    return tuple(re.findall(r"[^\W_]+", name))[:_MAX_WORDS]
