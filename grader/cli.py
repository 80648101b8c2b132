"""The command line: reads options, calls the package, prints. No logic of grading is here."""

import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Never

import msgspec
import typer
from rich.console import Console

from grader.assignment import (
    SETTINGS,
    Assignment,
    load_assignment,
    load_assignments,
    unknown_assignment,
)
from grader.errors import InfrastructureError, UserError
from grader.intake import hand_in
from grader.record import ClassRecord
from grader.reports import ExportFormat
from grader.score import ScoreReport
from grader.text import Language, Text, default_language, printable, tr

if TYPE_CHECKING:
    from grader.batch import State
    from grader.gradebook import Gradebook
    from grader.record import Unmatched

EXIT_USER_ERROR = 2
EXIT_UNGRADED = 3
EXIT_INTERRUPTED = 130

_MAX_PAGES = 2000  # hand-ins; the pages of more take minutes
_MAX_SENTENCE = 4000
_MAX_ROWS = 300
_MAX_UNMATCHED = 50

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


class LeastIsolation(StrEnum):
    """How well a container must lock submissions in, for them to be graded there."""

    FULL = "full"
    REDUCED = "reduced"


class Lang(StrEnum):
    """The languages of tables and messages."""

    KO = "ko"
    EN = "en"


class Isolation(StrEnum):
    """How well submissions must be locked in."""

    FULL = "full"
    REDUCED = "reduced"
    NONE = "none"


FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--assignment", metavar="NAME", help="Which assignment, where a file's name doesn't tell."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="A table for people, or JSON.")]
LangOption = Annotated[
    Lang | None,
    typer.Option("--lang", help="Korean or English; by default as the locale says."),
]
GradebookOption = Annotated[
    str | None,
    typer.Option(
        "--gradebook",
        metavar="URL",
        help="SQLite or PostgreSQL, as SQLAlchemy writes it; by default RESULTS/gradebook.db.",
    ),
]
IsolationOption = Annotated[
    Isolation,
    typer.Option("--isolation", help="Refuse to run where the sandbox is less closed than this."),
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
    isolation: IsolationOption = Isolation.FULL,
    solutions: SolutionsOption = None,
) -> None:
    """Grade one submission by the hidden checks, in the sandbox.

    Exit code 0: graded, whatever the score; 2: the call was wrong; 3: something could not be graded.
    """
    language = _language(lang)
    with _user_errors(language):
        one = hand_in(file, _hidden_assignments(solutions), assignment)
        from grader.grading import Grader

        with Grader(isolation.value) as grader:
            report = grader.grade(one.assignment, one.submission, one.student).report
    _print_report(report, format_, language)
    raise typer.Exit(EXIT_UNGRADED if report.ungraded else 0)


@app.command(
    epilog="Examples: `grader batch examples/class -o results` · "
    "`grader batch submissions.zip -o results --assignment wine --roster class.csv`"
)
def batch(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", show_default=False)],
    results: Annotated[
        Path, typer.Option("--output", "-o", metavar="RESULTS", help="The folder of the results.")
    ],
    assignment: NameOption = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Submissions at a time; by default one a processor.")
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="The class (id, name, email): gives everybody a row."),
    ] = None,
    extensions: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Other due dates (student, assignment, due)."),
    ] = None,
    trust_file_times: Annotated[
        bool,
        typer.Option(
            "--trust-file-times",
            help="Take a file's time for that of handing in, where the platform tells none.",
        ),
    ] = False,
    gradebook: GradebookOption = None,
    regrade: Annotated[
        bool,
        typer.Option(
            "--regrade",
            help="Grade again what was graded already, by the recorded answers where they suffice.",
        ),
    ] = False,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Grade again, and run every submission for it.")
    ] = False,
    lang: LangOption = None,
    isolation: IsolationOption = Isolation.FULL,
    solutions: SolutionsOption = None,
) -> None:
    """Grade every submission in folders, archives and downloads of learning platforms, and print the class.

    Each report is kept in RESULTS/gradebook.db as soon as it is made. The same command again grades only what is new,
    was changed or was left ungraded: so it also goes on after a stop.

    Exit code 2: the call was wrong or the gradebook can't be written; 3: something was not graded or not matched;
    130: stopped by Ctrl-C.
    """
    language = _language(lang)
    with _user_errors(language), _resumable(language):
        from grader.batch import State, find_work, grade_all, only_one, processors
        from grader.gradebook import Gradebook
        from grader.grading import Grader
        from grader.progress import Display
        from grader.sandbox import refuse_readable

        assignments = _hidden_assignments(solutions)
        for path in (results, *paths):
            refuse_readable(path)
        with only_one(results), Gradebook(results, gradebook, create=True) as book:
            work = find_work(
                paths,
                assignments,
                assignment,
                results=results,
                roster=roster,
                extensions=extensions,
                trust_file_times=trust_file_times,
            )
            run = book.begin_run(work.paths, work.assignments, work.unmatched, work.roster)
            again = regrade or rerun
            left = work.entries if again else book.settle(run, work.entries)
            state = State(total=len(work.entries), kept=len(work.entries) - len(left))
            with Grader(isolation.value) as grader, Display(language) as display:
                state = grade_all(
                    grader,
                    book,
                    run,
                    left,
                    state,
                    jobs=jobs or processors(),
                    reuse=not again,
                    replay=not rerun,
                    show=display.show,
                )
            book.end_run(run)
            pages = _present(book, results, language)
    _print_batch(state, work.unmatched, book.place, language)
    Console().print(pages.in_(language), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_UNGRADED if state.ungraded or work.unmatched else 0)


@app.command(
    context_settings={"ignore_unknown_options": True},  # so that -5 is a number
    epilog="Examples: `grader adjust results kim wine 5 --reason 'right idea' --item convergence` · "
    "`grader adjust results lee wine -10 --reason 'copied from kim'`",
)
def adjust(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", show_default=False)],
    student: Annotated[str, typer.Argument(show_default=False)],
    assignment: Annotated[str, typer.Argument(show_default=False)],
    points: Annotated[float, typer.Argument(help="Negative to take points.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why: reports show it.")],
    item: Annotated[
        str | None, typer.Option(metavar="ID", help="The rubric item that it is about.")
    ] = None,
    author: Annotated[
        str | None, typer.Option(help="Who decides; by default your login name.")
    ] = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Give a student points by hand, or take some. The report stays as it is; the adjustment survives regrades."""
    language = _language(lang)
    with _user_errors(language):
        from grader.gradebook import Gradebook
        from grader.record import Adjustment

        adjustment = Adjustment(
            points=points,
            reason=reason,
            author=author or _login_name(),
            made_at=datetime.now().astimezone(),
            item=item,
        )
        with Gradebook(results, gradebook) as book:
            book.adjust(student, assignment, adjustment)
    noted = tr(
        "{student}, {assignment}: {points} points, by {author}: {reason}",
        student=student,
        assignment=assignment,
        points=f"{points:+g}",
        author=adjustment.author,
        reason=reason,
    )
    Console().print(noted.in_(language), markup=False, highlight=False, soft_wrap=True)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # the user of a container may have none
        raise UserError(tr("this user has no name: say by --author who decides")) from error


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


@app.command(
    epilog="Examples: `grader report results` · `grader report results --format html --anonymous -o shared` · "
    "`grader report results --format csv -o scores.csv` · "
    "`grader report results --format canvas --template Grades.csv -o upload.csv`"
)
def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", show_default=False)],
    format_: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Pages, or another system's; by default a summary."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where it goes; else it is printed, pages to RESULTS.",
        ),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The gradebook or worksheet from Canvas or Moodle."),
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="TITLE", help="The column there that takes the scores.")
    ] = None,
    assignment: Annotated[
        str | None, typer.Option("--assignment", metavar="NAME", help="Only this assignment.")
    ] = None,
    student: Annotated[
        str | None, typer.Option("--student", metavar="ID", help="Only this student.")
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Pages with pseudonyms, the same each time.")
    ] = False,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
) -> None:
    """Print how a class did, or write it as pages or for another system.

    Canvas and Moodle get back the file that was downloaded from them, with the scores in it. For GitHub Classroom, `-o`
    is `$GITHUB_OUTPUT`, which is added to. Exit code 3: something is ungraded, or could not be written.
    """
    language = _language(lang)
    with _user_errors(language):
        if anonymous and format_ is not ExportFormat.HTML:
            raise UserError(tr("pseudonyms are for pages only: add --format html"))
        record = _class_record(results, gradebook).only(assignment, student)
        if format_ is None:
            from grader.reports.table import statistics_table

            Console().print(statistics_table(record, language))
            raise typer.Exit(EXIT_UNGRADED if record.left else 0)
        if format_ is ExportFormat.HTML:
            from grader.reports.html import own_key, write_site

            key = own_key(results) if anonymous else None
            print(write_site(record, output or results, language, key))
            raise typer.Exit(EXIT_UNGRADED if record.left else 0)
        from grader.reports.export import export

        text = None if template is None else _read_text(template)
        done = export(record, format_, language, text, column)
        sys.stdout.write(done.commands)
        if output is None:
            sys.stdout.buffer.write(done.data)
        else:
            _write(output, done.data, add=format_ is ExportFormat.GITHUB)
    for note in done.notes:
        Console(stderr=True).print(note.in_(language), markup=False, highlight=False)
    raise typer.Exit(EXIT_UNGRADED if record.left or done.notes else 0)


pack_app = typer.Typer(help="Pack an assignment for another system.", no_args_is_help=True)
app.add_typer(pack_app, name="pack")


@pack_app.command(epilog="Example: `grader pack gradescope wine -o autograder.zip`")
def gradescope(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE")] = Path(
        "autograder.zip"
    ),
    isolation: Annotated[
        LeastIsolation,
        typer.Option(help="The least isolation of the container; below it nothing is graded."),
    ] = LeastIsolation.FULL,
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Pack the grader and an assignment's hidden folder as a Gradescope autograder.

    Messages to students are in the language that is chosen here.
    """
    from grader.autograder import pack

    language = _language(lang)
    with _user_errors(language):
        (assignment,) = _named_assignments(solutions, [name])
        _write(output, pack(assignment, isolation.value, language))


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


class AuditFormat(StrEnum):
    """How an audit is told."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


@app.command(
    epilog="Examples: `grader audit` · `grader audit wine --jobs 4 --repeat 3` · "
    "`grader audit --repeat 3 --format html -o audit.html`"
)
def audit(
    names: NamesArgument = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Submissions at a time; by default one a processor.")
    ] = None,
    repeat: Annotated[
        int,
        typer.Option(
            min=0,
            help="Grade right submissions again under so many other seeds, on a busy machine.",
        ),
    ] = 0,
    format_: Annotated[
        AuditFormat, typer.Option("--format", help="For the terminal, as JSON, or as a page.")
    ] = AuditFormat.TABLE,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the page is written.")
    ] = Path("audit.html"),
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Test the checks: variants keep every point, mistakes lose what they say, no mutant of the solution survives.

    Exit code 1: the checks, or what tests them, must be mended.
    """
    language = _language(lang)
    with _user_errors(language):
        chosen = _named_assignments(solutions, names)
        from grader.audit import audit as audit_one
        from grader.batch import processors
        from grader.grading import Grader
        from grader.progress import Display

        audits = []
        with Grader() as grader:
            grader.start(chosen)
            for each in chosen:
                with Display(language) as display:
                    audits.append(
                        audit_one(grader, each, jobs or processors(), repeat, display.show)
                    )
    if format_ is AuditFormat.JSON:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(audits)).decode() + "\n")
    elif format_ is AuditFormat.HTML:
        from grader.reports.audit import audit_page

        with _user_errors(language):
            _write(output, audit_page(audits, language).encode())
        text = tr("The audit's page is {path}", path=output.resolve())
        Console().print(text.in_(language), markup=False, highlight=False, soft_wrap=True)
    else:
        from grader.reports.audit import audit_text

        for done in audits:
            Console().print(audit_text(done, language), soft_wrap=True)
    raise typer.Exit(1 if any(done.findings for done in audits) else 0)


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
        raise unknown_assignment(unknown[0], assignments)
    return [assignments[name] for name in names or assignments]


def main() -> None:
    """Run the command line."""
    app()


def _present(book: "Gradebook", results: Path, language: Language) -> Text:
    """Print the class and write its pages, as far as it isn't too large for that; return where the pages are."""
    from grader.reports.html import write_site
    from grader.reports.table import class_table, statistics_table, totals_table

    totals = book.totals()
    hand_ins = sum(total.hand_ins for total in totals)
    record = book.class_record() if hand_ins <= _MAX_PAGES else None
    if record is None or hand_ins > _MAX_ROWS:
        Console().print(totals_table(totals, language))
    else:
        Console().print(class_table(record.records, record.assignments, language))
        Console().print(statistics_table(record, language))
    if record is None:
        return tr("for the pages run: grader report {folder} --format html", folder=results)
    return tr("The class page is {path}", path=write_site(record, results, language).resolve())


def _print_batch(
    state: "State", unmatched: "Sequence[Unmatched]", place: str, language: Language
) -> None:
    lines = [
        f"{printable(each.origin)}: {printable(each.reason.in_(language))}"
        for each in unmatched[:_MAX_UNMATCHED]
    ]
    if len(unmatched) > _MAX_UNMATCHED:
        more = len(unmatched) - _MAX_UNMATCHED
        lines.append(tr("… and {count} more files without a match", count=more).in_(language))
    counts = tr(
        "{graded} graded now, {ungraded} of them left ungraded; {kept} known already",
        graded=state.graded,
        ungraded=state.ungraded,
        kept=state.kept,
    )
    lines += [counts.in_(language), tr("The gradebook is {place}", place=place).in_(language)]
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _resumable(language: Language) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        _stop(
            tr("stopped; what was graded is kept: run the same command again to go on").in_(
                language
            ),
            EXIT_INTERRUPTED,
        )


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
    words = printable(message, _MAX_SENTENCE)  # it may quote the name of a file
    Console(stderr=True).print(words, markup=False, style="red", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _class_record(results: Path, url: str | None) -> ClassRecord:
    from grader.gradebook import Gradebook

    with Gradebook(results, url) as gradebook:
        return gradebook.class_record()


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise UserError(
            tr("{path} can't be read: {reason}", path=path, reason=error.strerror)
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            tr("{path} is no UTF-8 text; save it as CSV in UTF-8", path=path)
        ) from error


def _write(path: Path, data: bytes, add: bool = False) -> None:
    try:
        with path.open("ab" if add else "wb") as file:
            file.write(data)
    except OSError as error:
        raise UserError(
            tr("{path} can't be written: {reason}", path=path, reason=error.strerror)
        ) from error


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
