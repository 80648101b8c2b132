"""Render the pages of the web application."""

from datetime import datetime
from functools import cache

from jinja2 import (
    ChoiceLoader,
    Environment,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
    pass_context,
)
from jinja2.runtime import Context
from markupsafe import Markup

from grader.model.score import Verdict
from grader.model.text import Language, Text, tr, visible
from grader.reports.markdown import to_markup
from grader.reports.page import filters, mark

_ROLES = {
    "student": tr("student"),
    "assistant": tr("assistant"),
    "teacher": tr("teacher"),
    "administrator": tr("administrator"),
}


_STATES = {
    "waiting": tr("waits to be examined"),
    "running": tr("being examined"),
    "ready": tr("ready to go live"),
    "refused": tr("has findings"),
    "live": tr("went live"),
    "discarded": tr("discarded"),
}


def render(template: str, language: Language, **values: object) -> str:
    """Return a page; texts in it are shown in `language`."""
    return environment().get_template(template).render(language=language, **values)


@cache
def environment() -> Environment:
    """Return the environment of the templates."""
    found = Environment(
        auto_reload=False,
        loader=ChoiceLoader(
            [
                PackageLoader("grader.web"),
                PrefixLoader({"reports": PackageLoader("grader.reports")}),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    found.globals["tr"] = tr
    found.globals["roles"] = _ROLES
    found.globals["states"] = _STATES
    found.globals["moment"] = lambda seconds: datetime.fromtimestamp(seconds).astimezone()
    found.globals["titles_of"] = lambda assignment: {
        each.id: each.title for each in assignment.items
    }
    found.globals["mark"] = mark
    found.globals["ungraded"] = Verdict.UNGRADED
    found.filters |= filters() | {"markdown": to_markup}
    return found


@pass_context
def _shown(context: Context, value: object) -> object:
    if isinstance(value, Text):
        language: Language = context["language"]
        return visible(value.in_(language))
    return visible(value) if type(value) is str else value


def markup(template: str, macro: str, language: Language, *values: object) -> str:
    """Return what a macro of a template renders: a part of a page."""
    module = environment().get_template(template).make_module({"language": language})
    return str(Markup(getattr(module, macro)(*values)))
