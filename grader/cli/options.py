"""Shared by commands: options, folders to search, and the handling of user errors."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Never

import typer

from grader.cli.console import console, shows_korean
from grader.model.assignment import (
    SETTINGS,
    Assignment,
    load_assignment,
    load_assignments,
    unknown_assignment,
)
from grader.model.builtin import built_in_course
from grader.model.errors import InfrastructureError, UserError, reading, writing
from grader.model.needs import require_cluster, require_staff
from grader.model.submission import match_assignment, read_submission, readable
from grader.model.text import Language, Text, default_language, printable, tr

if TYPE_CHECKING:
    from grader.grading.executor import Executor
    from grader.grading.grader import Grader
    from grader.model.score import ScoreReport

EXIT_USER_ERROR = 2
EXIT_UNGRADED = 3
EXIT_INTERRUPTED = 130

_MAX_SENTENCE = 4000

Format = Literal["table", "json"]
Level = Literal["none", "reduced", "full"]

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]
ResultsArgument = Annotated[Path, typer.Argument(metavar="RESULTS", show_default=False)]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--assignment",
        metavar="NAME",
        help="The assignment, if it can't be told from the file name.",
    ),
]
NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]…", show_default=False, help="Assignments; by default all."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="Output format: a table or JSON.")]
LangOption = Annotated[
    Language | None,
    typer.Option("--lang", help="Korean or English; by default the language of your locale."),
]
GradebookOption = Annotated[
    str | None,
    typer.Option(
        "--gradebook",
        metavar="URL",
        help="SQLAlchemy URL of the gradebook (SQLite or PostgreSQL); by default RESULTS/gradebook.db.",
    ),
]
IsolationOption = Annotated[
    Level,
    typer.Option("--isolation", help="Minimum sandbox isolation; refuse to grade below it."),
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="Number of submissions graded in parallel; by default one per processor."
    ),
]
SectionOption = Annotated[
    str | None,
    typer.Option("--section", metavar="NAME", help="Only this section of the roster."),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Grade on a Dask cluster: tcp://HOST:PORT, tls://HOST:PORT, slurm:JOBS, ssh:HOST,HOST or local:WORKERS.",
    ),
]
TlsOption = Annotated[
    tuple[Path, Path, Path] | None,
    typer.Option(
        "--tls",
        metavar="CERT KEY CA",
        help="With --cluster: files for TLS between the machines; by default as in Dask's configuration.",
    ),
]
SolutionsOption = Annotated[
    Path | None,
    typer.Option(
        "--solutions",
        metavar="FOLDER",
        envvar="GRADER_SOLUTIONS",
        help="The hidden folder; by default the nearest `solutions` in this folder or its parents.",
    ),
]


@contextmanager
def grader_of(
    context: typer.Context,
    isolation: Level = "full",
    tell: Callable[[Text], None] = lambda text: None,
    niceness: int = 0,
) -> "Iterator[Grader]":
    """Return the warm grader passed by the caller of the command line, or start one.

    `tell` is called with what it waits for.
    """
    from grader.grading.grader import Grader

    if isinstance(context.obj, Grader):
        yield context.obj
    else:
        with Grader(isolation, tell, niceness) as grader:
            yield grader


@contextmanager
def executor_of(
    context: typer.Context,
    isolation: Level,
    jobs: int | None,
    cluster: str | None,
    tls: tuple[Path, Path, Path] | None,
    language: Language,
    niceness: int = 0,
) -> "Iterator[Executor]":
    """Return where hand-ins are graded: on a cluster, or on this machine with this niceness, `jobs` at a time.

    Raises:
        UserError: there is no such cluster, or the packages of the extra `cluster` aren't installed.
    """
    if cluster is None:
        from grader.grading.executor import LocalExecutor
        from grader.grading.progress import processors

        with grader_of(context, isolation, niceness=niceness) as grader:
            yield LocalExecutor(grader, jobs or processors())
        return
    require_cluster()
    from grader.grading.cluster import ClusterExecutor
    from grader.grading.connect import connect

    def tell(text: Text) -> None:
        say(text, language, stderr=True)

    with connect(cluster, tls, tell) as client, ClusterExecutor(client, isolation, tell) as found:
        yield found


class user_errors:  # noqa: N801
    """Ends the command with a one-sentence error if the user or the machine is at fault."""

    def __init__(self, language: Language) -> None:
        """The sentence is in this language."""
        self._language = language

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UserError):
            stop(error.text.in_(self._language), EXIT_USER_ERROR)
        if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
            path = readable(os.fsdecode(error.filename))
            words = tr("can't use {path}: {reason}", path=path, reason=error.strerror or error)
            stop(words.in_(self._language), EXIT_USER_ERROR)
        if isinstance(error, InfrastructureError):
            words = tr("this machine can't grade ({reason}); run `grader doctor`", reason=error)
            stop(words.in_(self._language), EXIT_UNGRADED)


class staff_errors(user_errors):  # noqa: N801
    """Like `user_errors`, but also ends the command if the packages of the extra `staff` aren't installed."""

    def __enter__(self) -> None:
        with user_errors(self._language):
            require_staff()


@contextmanager
def resumable(language: Language) -> Iterator[None]:
    """End the command in one sentence if Ctrl-C stops it: what is done so far is kept."""
    try:
        yield
    except KeyboardInterrupt:
        words = tr("stopped; the results so far are saved. Run the same command again to continue")
        stop(words.in_(language), EXIT_INTERRUPTED)


def stop(message: str, code: int) -> Never:
    """Print a one-sentence error on standard error and exit."""
    words = printable(message, _MAX_SENTENCE)  # it may quote the name of a file
    console(stderr=True).print(words, style="red", soft_wrap=True)
    raise typer.Exit(code)


def say(text: Text, language: Language, *, stderr: bool = False) -> None:
    """Print a text without markup."""
    console(stderr=stderr).print(text.in_(language), soft_wrap=not stderr)


def print_report(report: "ScoreReport", format_: Format, language: Language) -> None:
    """Print one report as a table or as JSON."""
    if format_ == "json":
        from grader.reports.json import to_json

        write_out(to_json(report, language) + "\n")
        return
    from grader.reports.table import item_table

    console().print(item_table(report, language))


def write_out(data: str | bytes) -> None:
    """Write data for other programs to standard output; text is UTF-8, whatever the console's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data.encode() if isinstance(data, str) else data)
    sys.stdout.buffer.flush()


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        UserError: it can't be read, or isn't UTF-8.
    """
    try:
        with reading(path):
            return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UserError(tr("{path} isn't UTF-8 text; save it as CSV (UTF-8)", path=path)) from error


def write_file(path: Path, data: bytes, add: bool = False) -> None:
    """Write a file, or add to it.

    Raises:
        UserError: it can't be written.
    """
    with writing(path), path.open("ab" if add else "wb") as file:
        file.write(data)


def named_assignments(solutions: Path | None, names: list[str] | None) -> list[Assignment]:
    """Return the hidden assignments with these names, or all of them.

    Raises:
        UserError: there are none, or a name is unknown.
    """
    assignments = hidden_assignments(solutions)
    if unknown := [name for name in names or () if name not in assignments]:
        raise unknown_assignment(unknown[0], assignments)
    return [assignments[name] for name in names or assignments]


def hidden_assignments(folder: Path | None) -> dict[str, Assignment]:
    """Return the assignments in the given folder, or in the nearest `solutions` here or in a parent folder.

    Raises:
        UserError: there are none.
    """
    here = Path.cwd()
    for candidate in [folder] if folder else [at / "solutions" for at in (here, *here.parents)]:
        if folder or candidate.is_dir():
            return load_assignments(candidate)
    raise UserError(
        tr("no `solutions` folder here or in a parent folder; pass its path with --solutions")
    )


def public_assignments(file: Path, name: str | None = None) -> dict[str, Assignment]:
    """Return the assignments whose public checks are beside a student's file, or in `assignments` here or above.

    Failing that, those of the package's own course, if the file is for one of them; `name` is its assignment where the
    user says it.

    Raises:
        UserError: there are none, or the file can't be read.
    """
    if (file.parent / SETTINGS).is_file():
        own = load_assignment(file.parent)
        return {own.name: own}
    here, there = Path.cwd(), file.parent.resolve()
    for folder in (here, *here.parents, there, *there.parents):
        if any((folder / "assignments").glob(f"*/{SETTINGS}")):
            return load_assignments(folder / "assignments")
    built_in = load_assignments(built_in_course() / "assignments")
    if name in built_in or (not name and match_assignment(read_submission(file), built_in)):
        return built_in
    raise UserError(
        tr("no public checks found here; run this command in the folder of your assignment")
    )


def language_of(lang: Language | None) -> Language:
    """Return the language for this terminal: `lang`, or that of the locale, but Korean only if it can be shown."""
    return lang or shown(default_language())


def language_of_students(lang: Language | None, assignments: Iterable[Assignment]) -> Language:
    """Return the language of what students read: `lang`, or that of their course, or that of the locale."""
    theirs = [each.lang for each in assignments if each.lang]
    return lang or (theirs[0] if theirs else default_language())


def shown(language: Language) -> Language:
    """Return the language, or English if this terminal has no Korean letters."""
    return language if shows_korean(sys.stdout) else "en"
