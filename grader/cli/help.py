"""The help of the commands in the reader's language: what is to be translated, and its translation."""

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

import typer

from grader.model.text import Language, korean, tr

_TITLES = {
    "ARGUMENTS_PANEL_TITLE": tr("Arguments"),
    "OPTIONS_PANEL_TITLE": tr("Options"),
    "COMMANDS_PANEL_TITLE": tr("Commands"),
    "ERRORS_PANEL_TITLE": tr("Error"),
    "REQUIRED_LONG_STRING": tr("[required]"),
    "DEFAULT_STRING": tr("[default: {value}]", value="{}"),
    "ENVVAR_STRING": tr("[env var: {name}]", name="{}"),
}
_EXAMPLES = {"Example:": tr("Example:"), "Examples:": tr("Examples:")}
_ADDED_BY_TYPER = (
    tr("Install completion for the current shell."),
    tr("Show completion for the current shell, to copy it or customize the installation."),
    tr("Show this message and exit."),
)


def command_in(app: typer.Typer, language: Language) -> Any:
    """Return the command line with its help in one language."""
    command = typer.main.get_command(app)
    if language == "ko":
        from typer import rich_utils

        for name, title in _TITLES.items():
            setattr(rich_utils, name, title.ko)
        _translate(command)
    return command


def extract(
    file: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[Any, ...]]:
    """Find the messages of a module of commands: besides those of `tr`, all that `--help` prints. Babel calls it."""
    from babel.messages.extract import extract_python

    for node in ast.walk(ast.parse(file.read())):
        match node:
            case ast.FunctionDef(decorator_list=[ast.Call(func=ast.Attribute(attr="command"))]):
                yield node.lineno, None, inspect.cleandoc(ast.get_docstring(node) or ""), []
            case ast.keyword(arg="help", value=ast.Constant(value=str(words))):
                yield node.lineno, None, words, []
    file.seek(0)
    yield from extract_python(file, keywords, comment_tags, options)


def _translate(command: Any) -> None:
    command.help = command.help and korean(command.help)
    command.short_help = command.short_help and korean(command.short_help)
    for word, translated in _EXAMPLES.items():
        command.epilog = command.epilog and command.epilog.replace(word, translated.ko)
    for param in command.params:
        if getattr(param, "help", None):
            param.help = korean(param.help)
    command.get_help_option = partial(_help_option, command.get_help_option)
    for each in getattr(command, "commands", {}).values():
        _translate(each)


def _help_option(original: Callable[[Any], Any], context: Any) -> Any:
    option = original(context)
    option.help = korean(option.help)
    return option
