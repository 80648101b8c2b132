"""Show the Markdown that staff writes."""

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

from grader.model.text import visible


def to_markup(words: str) -> Markup:
    """Return Markdown as markup for a page. HTML in it is shown as text, and it fetches no pictures."""
    return Markup(_markdown().render(visible(words)))


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable("image")
