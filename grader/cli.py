"""The command line: reads options, calls the package, prints. No logic of grading is here."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Never

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from grader.assignment import SETTINGS, Assignment, load_assignment, load_assignments
from grader.errors import InfrastructureError, UserError
from grader.intake import files_in, hand_in
from grader.score import ScoreReport
from grader.text import Language, Text, default_language, tr

EXIT_USER_ERROR = 2
EXIT_UNGRADED = 3

app = typer.Typer(
    help="Grade homework in PyTorch, with the students' code locked up in a sandbox.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How one report is printed."""

    TABLE = "table"
    JSON = "json"


class Lang(StrEnum):
    """The languages of tables and messages."""

    KO = "ko"
    EN = "en"


FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--assignment", metavar="NAME", help="Which assignment, if the file doesn't tell."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="A table for people, or JSON.")]
LangOption = Annotated[
    Lang | None,
    typer.Option("--lang", help="Korean or English; by default as the locale says."),
]
SolutionsOption = Annotated[
    Path | None,
    typer.Option(
        "--solutions",
        metavar="FOLDER",
        envvar="GRADER_SOLUTIONS",
        help="The hidden folder; by default the nearest `solutions` here or above.",
    ),
]


@app.command(
    epilog="Examples: `grader grade kim_wine.ipynb` · `grader grade hw3.py --assignment wine --format json`"
)
def grade(
    file: FileArgument,
    assignment: NameOption = None,
    format_: FormatOption = Format.TABLE,
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Grade one submission by the hidden checks, in the sandbox.

    Exit code 0: graded, whatever the score; 2: the call was wrong; 3: something could not be graded.
    """
    language = _language(lang)
    with _user_errors(language):
        one = hand_in(file, _hidden_assignments(solutions), assignment)
        from grader.grading import Grader

        with Grader() as grader:
            _refuse_open_sandbox(grader.isolation.level)
            report = grader.grade(one.assignment, one.submission, one.student)
    _print_report(report, format_, language)
    raise typer.Exit(EXIT_UNGRADED if report.ungraded else 0)


@app.command(
    epilog="Examples: `grader batch examples/class -o results` · `grader batch handed-in -o results --jobs 4`"
)
def batch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    results: Annotated[
        Path, typer.Option("--output", "-o", metavar="RESULTS", help="Where the reports go.")
    ],
    assignment: NameOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Submissions at a time; by default one a processor.")
    ] = None,
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Grade every script and notebook in a folder, such as `kim_wine.ipynb`, and print the class.

    A report in JSON is written for each file as soon as it is graded. Exit code 3: something could not be graded.
    """
    language = _language(lang)
    unmatched: list[Text] = []
    hand_ins = []
    with _user_errors(language):
        assignments = _hidden_assignments(solutions)
        for file in files_in(folder):
            try:
                hand_ins.append(hand_in(file, assignments, assignment))
            except UserError as error:
                unmatched.append(error.text)
        from grader.batch import grade_all, processors, write_report
        from grader.grading import Grader

        reports = []
        with Grader() as grader, _progress() as progress:
            _refuse_open_sandbox(grader.isolation.level)
            task = progress.add_task(tr("grading").in_(language), total=len(hand_ins))
            for report in grade_all(grader, hand_ins, jobs or processors()):
                reports.append(report)
                write_report(report, results)
                progress.advance(task)
    from grader.reports.table import class_table

    console = Console()
    console.print(class_table(reports, list(assignments.values()), language))
    for text in unmatched:
        console.print(text.in_(language), markup=False)
    console.print(
        tr("The reports are in {folder}", folder=results / "reports").in_(language), markup=False
    )
    left = any(report.ungraded for report in reports) or bool(unmatched)
    raise typer.Exit(EXIT_UNGRADED if left else 0)


@app.command(epilog="Example: `grader check wine.ipynb`")
def check(
    file: FileArgument,
    assignment: NameOption = None,
    format_: FormatOption = Format.TABLE,
    lang: LangOption = None,
) -> None:
    """Check your own file by the public checks, on any system, before you hand it in.

    The checks are those beside your file, or in `assignments` here or above. Your code is run without a sandbox.
    """
    language = _language(lang)
    with _user_errors(language):
        one = hand_in(file, _public_assignments(file), assignment)
        from grader.selfcheck import self_check

        report = self_check(one.assignment, one.submission, one.student)
    _print_report(report, format_, language)
    raise typer.Exit(EXIT_UNGRADED if report.ungraded else 0)


@app.command(epilog="Example: `grader doctor`")
def doctor(lang: LangOption = None) -> None:
    """Tell whether this machine can grade: versions, the sandbox's isolation, what is missing and how to get it."""
    from grader.doctor import examine

    language = _language(lang)
    console = Console()
    healthy = True
    for finding in examine():
        healthy = healthy and finding.good
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        console.print(mark, end=" ")
        console.print(finding.text.in_(language), markup=False, highlight=False)
    raise typer.Exit(0 if healthy else 1)


# --- for authors of assignments --------------------------------------------------------------------------------------

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]…", show_default=False, help="Assignments; by default all."),
]


class ReleaseLang(StrEnum):
    """The languages of what students receive."""

    KO = "ko"
    EN = "en"
    BOTH = "both"


@app.command(
    epilog="Examples: `grader release` · `grader release wine --lang en --zip` · `grader release --check`"
)
def release(
    names: NamesArgument = None,
    lang: Annotated[
        ReleaseLang, typer.Option("--lang", help="The language of the templates.")
    ] = ReleaseLang.BOTH,
    check_: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit code 1 where something would change."),
    ] = False,
    zip_: Annotated[
        bool, typer.Option("--zip", help="Also make NAME.zip, for the learning platform.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="By default `assignments` beside `solutions`."
        ),
    ] = None,
    solutions: SolutionsOption = None,
) -> None:
    """Make what students receive from the solutions: script, notebook, public checks, README.

    Nothing is written if a template gives an answer away or gets points, or if the solution doesn't get all.
    """
    language = default_language()
    changed: list[str] = []
    with _user_errors(language):
        chosen = _named_assignments(solutions, names)
        from grader import release as releasing
        from grader.grading import Grader

        with Grader() as grader:
            for assignment in chosen:
                files = releasing.make_release(assignment, lang.value)
                folder = (output or assignment.folder.parents[1] / "assignments") / assignment.name
                changed += [str(folder / name) for name in releasing.differences(files, folder)]
                if check_:
                    continue
                releasing.verify_release(grader, assignment, files)
                releasing.write_release(files, folder)
                if zip_:
                    archive = releasing.zip_release(files, assignment.name)
                    folder.with_suffix(".zip").write_bytes(archive)
    for path in changed:
        Console().print(path, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if check_ and changed else 0)


@app.command(epilog="Examples: `grader audit` · `grader audit wine --jobs 4 --repeat 3`")
def audit(
    names: NamesArgument = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Submissions at a time; by default one a processor.")
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=0, help="Grade right submissions again under so many other seeds.")
    ] = 0,
    format_: FormatOption = Format.TABLE,
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Test the checks: variants keep every point, mistakes lose what they say, no mutant of the solution survives.

    Exit code 1: the checks, or what tests them, must be mended.
    """
    language = _language(lang)
    audits = []
    with _user_errors(language):
        chosen = _named_assignments(solutions, names)
        from grader.audit import audit as audit_one
        from grader.batch import processors
        from grader.grading import Grader

        with Grader() as grader, _progress() as progress:
            _refuse_open_sandbox(grader.isolation.level)
            task = progress.add_task(tr("auditing").in_(language), total=len(chosen))
            for assignment in chosen:
                audits.append(audit_one(grader, assignment, jobs or processors(), repeat))
                progress.advance(task)
    if format_ is Format.JSON:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(audits)).decode() + "\n")
    else:
        from grader.reports.audit import audit_text

        for each in audits:
            Console().print(audit_text(each, language), soft_wrap=True)
    raise typer.Exit(1 if any(each.findings for each in audits) else 0)


@app.command(epilog="Example: `grader new regression`")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    solutions: SolutionsOption = None,
) -> None:
    """Make a small assignment that works, in `solutions/NAME`, for you to change step by step."""
    from grader.new import new_assignment

    language = default_language()
    with _user_errors(language):
        folder = new_assignment(name, solutions or Path("solutions"))
    text = tr("{folder} is ready: `grader audit {name}` tests it", folder=folder, name=name)
    Console().print(text.in_(language), markup=False, highlight=False, soft_wrap=True)


importing = typer.Typer(help="Take over an assignment from another tool.", no_args_is_help=True)
app.add_typer(importing, name="import")


@importing.command(epilog="Example: `grader import nbgrader source/ps1/problem1.ipynb`")
def nbgrader(file: FileArgument, solutions: SolutionsOption = None) -> None:
    """Make an assignment from the instructor's version of an nbgrader notebook, and tell what is left to do by hand."""
    language = default_language()
    with _user_errors(language):
        from grader.nbgrader import import_nbgrader, write_import

        imported = import_nbgrader(file)
        folder = write_import(imported, solutions or Path("solutions"))
    items = imported.assignment.items
    done = tr("{folder}: {count} items are taken over", folder=folder, count=len(items))
    for text in (done, *imported.left):
        Console().print(text.in_(language), markup=False, highlight=False, soft_wrap=True)


def _named_assignments(solutions: Path | None, names: list[str] | None) -> list[Assignment]:
    """The assignments of these names, or all.

    Raises:
        UserError: there are none, or not all of these.
    """
    assignments = _hidden_assignments(solutions)
    if unknown := [name for name in names or () if name not in assignments]:
        raise UserError(
            tr(
                "there is no assignment {name}; there are: {known}",
                name=unknown[0],
                known=", ".join(assignments),
            )
        )
    return [assignments[name] for name in names or assignments]


def main() -> None:
    """Run the command line."""
    app()


def _print_report(report: ScoreReport, format_: Format, language: Language) -> None:
    if format_ is Format.JSON:
        from grader.reports.json import to_json

        sys.stdout.write(to_json(report, language) + "\n")
        return
    from grader.reports.table import item_table

    Console().print(item_table(report, language))


def _language(lang: Lang | None) -> Language:
    if lang is None:
        return default_language()
    return "ko" if lang is Lang.KO else "en"


class _user_errors:  # noqa: N801
    """Ends the command with one sentence where the user, or this machine, is at fault."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UserError):
            _stop(error.text.in_(self._language), EXIT_USER_ERROR)
        if isinstance(error, InfrastructureError):
            _stop(
                tr("this machine can't grade ({reason}); run `grader doctor`", reason=error).in_(
                    self._language
                ),
                EXIT_UNGRADED,
            )


def _stop(message: str, code: int) -> Never:
    Console(stderr=True).print(message, markup=False, style="red", highlight=False)
    raise typer.Exit(code)


def _refuse_open_sandbox(level: str) -> None:
    if level != "full":
        raise UserError(
            tr(
                "the sandbox is not closed on this machine ({level}); run `grader doctor`",
                level=level,
            )
        )


def _hidden_assignments(folder: Path | None) -> dict[str, Assignment]:
    """The assignments in the folder that the user named, or in the nearest `solutions` here or above.

    Raises:
        UserError: there are none.
    """
    here = Path.cwd()
    for candidate in [folder] if folder else [at / "solutions" for at in (here, *here.parents)]:
        if folder or candidate.is_dir():
            return load_assignments(candidate)
    raise UserError(tr("there is no folder `solutions` here or above; name yours by --solutions"))


def _public_assignments(file: Path) -> dict[str, Assignment]:
    if (file.parent / SETTINGS).is_file():
        own = load_assignment(file.parent)
        return {own.name: own}
    here = Path.cwd()
    for folder in (here, *here.parents):
        if any((folder / "assignments").glob(f"*/{SETTINGS}")):
            return load_assignments(folder / "assignments")
    raise UserError(
        tr("there are no public checks here: run this in the folder that your assignment came in")
    )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
