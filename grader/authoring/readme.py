"""The README that students receive: the author's words, and what the settings say in the places that are marked."""

import re

from grader.model.assignment import Assignment, RubricItem
from grader.model.bilingual import markdown_in
from grader.model.errors import AssignmentError
from grader.model.text import Language, Text, tr

README = "README.md"
RUBRIC, CHECK, HAND_IN = "<!-- rubric -->", "<!-- check -->", "<!-- hand in -->"
"""Where the table of the items goes, how to install and check, and where to hand in. The last may be left out."""

PACKAGE = "torch-grader"
"""What students install."""

_CHECK = """\
명령줄에서 공개 검사를 실행하려면 한 번 설치한 다음 파일을 확인하세요.

*To run the public checks in a terminal, install the package once, then check your file.*

```console
$ pip install {package}
$ grader check {name}.ipynb
```

노트북 안에서도 확인할 수 있습니다. 저장하지 않아도 지금 정의된 함수를 확인합니다.

*You can also check inside the notebook: it uses your functions as they are defined now, saved or not.*

```python
import grader

grader.check()
```"""
_PLACEHOLDER = re.compile(
    r"\b(?:TODO|FIXME|XXX|TBD|NAME)\b|(?i:lorem ipsum)|\{[^{}\n]*\}"
    r"|<(?!!--|/?(?:a|b|br|code|details|div|em|hr|i|img|kbd|li|ol|p|pre|span|strong|sub|summary|sup|table|tbody|td|th"
    r"|thead|tr|ul)\b|https?:|mailto:)[^<>\s][^<>\n]*>"
)
_CODE = re.compile(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)


def released_readme(assignment: Assignment, text: str, languages: Language | None) -> str:
    """Return the README for students, in one language or, with None, in both.

    Raises:
        AssignmentError: a marker is missing, the settings don't say what an item asks for, or a placeholder is left.
    """
    for marker in (RUBRIC, CHECK):
        if text.count(marker) != 1:
            raise _wrong(assignment, tr("the line {marker} must occur exactly once", marker=marker))
    check = _CHECK.format(name=assignment.name, package=" ".join((PACKAGE, *assignment.packages)))
    text = text.replace(CHECK, check).replace(HAND_IN, _hand_in(assignment))
    if languages is not None:
        text = markdown_in(text, languages)
    text = re.sub(r"\n{3,}", "\n\n", text.replace(RUBRIC, _rubric(assignment, languages)))
    if found := _PLACEHOLDER.search(_CODE.sub("", text)):
        raise _wrong(assignment, tr("a placeholder hasn't been replaced: {words}", words=found[0]))
    return text


def _rubric(assignment: Assignment, languages: Language | None) -> str:
    heads = (
        Text(ko="항목", en="item"),
        Text(ko="점수", en="points"),
        Text(ko="확인하는 내용", en="what is checked"),
    )
    whats = {item.id: _what(assignment, item) for item in assignment.items}
    if languages is None:
        head = [f"{heads[0].ko} (item)", f"{heads[1].ko} (points)", heads[2].ko, heads[2].en]
        said = {name: [what.ko, what.en] for name, what in whats.items()}
    else:
        head = [each.in_(languages) for each in heads]
        said = {name: [what.in_(languages)] for name, what in whats.items()}
    rows = [
        [
            f"`{item.id}`",
            f"{item.points:g}",
            *(words.replace("|", "\\|") for words in said[item.id]),
        ]
        for item in assignment.items
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("| --- ", "|---")


def _what(assignment: Assignment, item: RubricItem) -> Text:
    if item.what is None:
        raise _wrong(assignment, tr("item {id} has no `what` in the settings", id=item.id))
    numbers = {name: f"{value:g}" for name, value in assignment.thresholds.items()}
    try:
        return Text(ko=item.what.ko.format(**numbers), en=item.what.en.format(**numbers))
    except (KeyError, IndexError, ValueError) as error:
        raise _wrong(
            assignment,
            tr("`what` of {id} refers to an unknown threshold: {reason}", id=item.id, reason=error),
        ) from error


def _hand_in(assignment: Assignment) -> str:
    course = assignment.course
    said = [course.hand_in] if course.hand_in else []
    if course.contact:
        said.append(tr("Questions: {contact}", contact=course.contact))
    return "\n\n".join(f"{each.ko}\n\n*{each.en}*" for each in said)


def _wrong(assignment: Assignment, reason: Text) -> AssignmentError:
    return AssignmentError(
        tr("the README of {name} can't be released: {reason}", name=assignment.name, reason=reason)
    )
