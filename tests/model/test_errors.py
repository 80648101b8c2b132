"""The tree drawn in `grader.model.errors` is the real one."""

import importlib
import inspect
import pkgutil
import re

import grader
from grader.model import errors
from grader.model.errors import AssignmentError, GraderError, UserError
from grader.model.text import Text

LINE = re.compile(r"^(?P<branch>[ │├└─]*)(?P<name>[A-Z]\w+Error)\b")


def drawn_tree():
    """The parent of each class by the drawing, a deeper indentation being a child."""
    parents, path = {}, []
    for line in inspect.getdoc(errors).splitlines():
        if match := LINE.match(line):
            depth, name = len(match["branch"]), match["name"]
            path = [(d, n) for d, n in path if d < depth]
            parents[name] = path[-1][1] if path else None
            path.append((depth, name))
    return parents


def real_tree():
    for module in pkgutil.walk_packages(grader.__path__, "grader."):
        importlib.import_module(module.name)
    parents, left = {"GraderError": None}, [GraderError]
    while left:
        parent = left.pop()
        for child in parent.__subclasses__():
            parents[child.__name__] = parent.__name__
            left.append(child)
    return parents


def test_drawing_is_the_real_tree():
    assert real_tree() == drawn_tree()


def test_every_error_says_in_its_docstring_what_it_means():
    silent = [n for n in drawn_tree() if not vars(getattr(errors, n)).get("__doc__")]

    assert silent == []


def test_user_error_keeps_its_sentence_in_both_languages():
    text = Text(ko="파일이 없습니다", en="there is no such file")

    error = AssignmentError(text)

    assert error.text == text
    assert str(error) == "there is no such file"
    assert isinstance(error, UserError)
