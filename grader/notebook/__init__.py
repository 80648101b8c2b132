"""`grader.check`: run the public checks in a live notebook on the functions in its kernel."""

import sys
from typing import Any

from grader.model.errors import UserError
from grader.model.needs import require_torch
from grader.model.text import default_language, tr
from grader.notebook.shown import Sentence, Shown


def check(
    item: str | None = None, *, assignment: str | None = None, url: str | None = None
) -> Shown:
    """Run the public checks on the functions as they are defined now, and show what came of them.

    Nothing else in the notebook changes: the checks get models of their own, and random numbers, settings and
    variables are afterwards what they were. What can't be checked ends in a sentence that says why.

    Args:
        item: A rubric item, or a function to run the items whose checks call it. By default all items.
        assignment: The name of the assignment, if neither the notebook nor its folder identifies it.
        url: The https address of the folder with the public checks, if your course provides one.
    """
    namespace = sys._getframe(1).f_globals
    return _checked(namespace, item, assignment, url).show()


def _checked(
    namespace: dict[str, Any], item: str | None, assignment: str | None, url: str | None
) -> Shown:
    language = default_language()
    try:
        require_torch()
        from grader.notebook.course import assignment_of, require_functions
        from grader.notebook.live import check_namespace, items_of

        found = assignment_of(namespace, assignment, url)
        language = found.lang or language
        items = items_of(found, item)
        require_functions(found, namespace)
        checked = check_namespace(found, namespace, items)
    except UserError as error:
        return Sentence(error.text.in_(language))
    except KeyboardInterrupt:
        return Sentence(tr("stopped; the notebook is unchanged").in_(language))
    from grader.notebook.card import Card

    return Card(checked, language)
