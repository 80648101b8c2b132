"""Commands for authors of assignments: `init`, `new`, `release`, `audit`, `import`, `pack`."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from grader.cli.console import console
from grader.cli.options import (
    FileArgument,
    JobsOption,
    LangOption,
    NamesArgument,
    SolutionsOption,
    grader_of,
    language_of,
    language_of_students,
    named_assignments,
    say,
    staff_errors,
    user_errors,
    write_file,
    write_out,
)
from grader.cli.waiting import Waiting
from grader.model.text import default_language, tr

app = typer.Typer()


@app.command(
    epilog="Examples: `grader release` · `grader release wine --lang en --zip` · `grader release --check`"
)
def release(
    context: typer.Context,
    names: NamesArgument = None,
    lang: Annotated[
        Literal["ko", "en", "both"] | None,
        typer.Option(
            "--lang",
            help="The language of the templates; by default the course's, or else both.",
        ),
    ] = None,
    url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="The https address where you publish the released folders. Notebooks on "
            "Colab and elsewhere fetch their public checks from URL/NAME.",
        ),
    ] = "",
    check_: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit with 1 if something would change."),
    ] = False,
    zip_: Annotated[
        bool, typer.Option("--zip", help="Also create NAME.zip for the learning platform.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The output folder; by default `assignments` next to `solutions`.",
        ),
    ] = None,
    solutions: SolutionsOption = None,
) -> None:
    """Make the students' files from the solutions: script, notebook, public checks, README.

    Nothing is written if a template reveals an answer or gets points, or if the solution doesn't get full points.
    """
    language = default_language()
    changed: list[str] = []
    with staff_errors(language):
        chosen = named_assignments(solutions, names)
        from grader.authoring import release as releasing
        from grader.model.address import require_secure

        if url:
            require_secure(url)
        with Waiting(language) as waiting, grader_of(context, tell=waiting.tell) as grader:
            for assignment in chosen:
                languages = lang or assignment.lang or "both"
                files = releasing.make_release(assignment, languages, url)
                folder = (output or assignment.folder.parents[1] / "assignments") / assignment.name
                changed += [str(folder / name) for name in releasing.differences(files, folder)]
                if check_:
                    continue
                releasing.verify_release(grader, assignment, files)
                releasing.write_release(files, folder)
                if zip_:
                    archive = releasing.zip_release(files, assignment.name)
                    write_file(folder.with_suffix(".zip"), archive)
    for path in changed:
        console().print(path, soft_wrap=True)
    raise typer.Exit(1 if check_ and changed else 0)


@app.command(
    epilog="Examples: `grader audit` · `grader audit wine --jobs 4 --repeat 3` · "
    "`grader audit --repeat 3 --format html -o audit.html`"
)
def audit(
    context: typer.Context,
    names: NamesArgument = None,
    jobs: JobsOption = None,
    repeat: Annotated[
        int,
        typer.Option(
            min=0,
            help="Also grade correct submissions under this many other seeds, with all "
            "processors busy.",
        ),
    ] = 0,
    format_: Annotated[
        Literal["table", "json", "html"],
        typer.Option("--format", help="Output format: a table, JSON, or an HTML page."),
    ] = "table",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file for the HTML page.")
    ] = Path("audit.html"),
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Test the checks: variants must keep every point, mistakes must lose the listed items, and mutants must be caught.

    Exit code 1: the checks, or the files that test them, need fixing.
    """
    language = language_of(lang)
    with staff_errors(language):
        chosen = named_assignments(solutions, names)
        from grader.authoring.audit import audit as audit_one
        from grader.cli.progress import Display
        from grader.grading.progress import processors

        audits = []
        with grader_of(context) as grader:
            grader.start(chosen)
            for each in chosen:
                with Display(language) as display:
                    audits.append(
                        audit_one(grader, each, jobs or processors(), repeat, display.show)
                    )
    if format_ == "json":
        from grader.reports.json import indented

        write_out(indented(audits) + "\n")
    elif format_ == "html":
        from grader.reports.audit import audit_page

        with user_errors(language):
            write_file(output, audit_page(audits, language).encode())
        text = tr("Audit report: {path}", path=output.resolve())
        say(text, language)
    else:
        from grader.reports.audit import audit_text

        for done in audits:
            console().print(audit_text(done, language), soft_wrap=True)
    raise typer.Exit(1 if any(done.findings for done in audits) else 0)


@app.command(epilog="Examples: `grader init course` · `grader init course --empty`")
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False)],
    empty: Annotated[
        bool,
        typer.Option("--empty", help="Create an empty course, without the lesson's assignments."),
    ] = False,
    lang: LangOption = None,
) -> None:
    """Create a course folder with the three assignments of the lesson."""
    from grader.authoring.init import init_course

    language = language_of(lang)
    with user_errors(language):
        init_course(folder, empty=empty)
    next_ = [
        (f"cd {shlex.quote(str(folder))}", ""),
        ("grader doctor", tr("check that this machine can grade").in_(language)),
        ("grader new NAME", tr("add your own assignment").in_(language)),
        ("grader release", tr("create the students' files").in_(language)),
        ("grader batch FOLDER -o results", tr("grade the hand-ins").in_(language)),
    ]
    say(tr("created {folder}. Next:", folder=folder), language)
    for command, purpose in next_:
        console().print(f"  {command:<32}{purpose and '# ' + purpose}".rstrip(), soft_wrap=True)


@app.command(epilog="Example: `grader new regression`")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    solutions: SolutionsOption = None,
) -> None:
    """Create a small working assignment in `solutions/NAME`, for you to change step by step."""
    from grader.authoring.new import new_assignment

    language = default_language()
    with user_errors(language):
        folder = new_assignment(name, solutions or Path("solutions"))
    text = tr("created {folder}; test it with `grader audit {name}`", folder=folder, name=name)
    say(text, language)


importing = typer.Typer(help="Import an assignment from another tool.", no_args_is_help=True)
app.add_typer(importing, name="import")


@importing.command(epilog="Example: `grader import nbgrader source/ps1/problem1.ipynb`")
def nbgrader(file: FileArgument, solutions: SolutionsOption = None) -> None:
    """Create an assignment from the instructor's version of an nbgrader notebook, and list the remaining work."""
    language = default_language()
    with staff_errors(language):
        from grader.authoring.nbgrader import import_nbgrader, write_import

        imported = import_nbgrader(file)
        folder = write_import(imported, solutions or Path("solutions"))
    items = imported.assignment.items
    done = tr("{folder}: items imported: {count}", folder=folder, count=len(items))
    for text in (done, *imported.left):
        say(text, language)


pack_app = typer.Typer(help="Pack an assignment for another system.", no_args_is_help=True)
app.add_typer(pack_app, name="pack")


@pack_app.command(epilog="Example: `grader pack gradescope wine -o autograder.zip`")
def gradescope(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE")] = Path(
        "autograder.zip"
    ),
    isolation: Annotated[
        Literal["reduced", "full"],
        typer.Option(help="Minimum isolation of the container; refuse to grade below it."),
    ] = "full",
    lang: LangOption = None,
    solutions: SolutionsOption = None,
) -> None:
    """Pack the grader and an assignment's hidden folder as a Gradescope autograder.

    Messages to students are in the language of `--lang`, or else of the course.
    """
    from grader.gradescope import pack

    language = language_of(lang)
    with user_errors(language):
        (assignment,) = named_assignments(solutions, [name])
        theirs = language_of_students(lang, [assignment])
        write_file(output, pack(assignment, isolation, theirs))
