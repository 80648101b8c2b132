"""The commands of the web application: `serve` and `work`."""

import csv
import gc
import json
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from grader.cli.console import console
from grader.cli.options import (
    ClusterOption,
    GradebookOption,
    IsolationOption,
    JobsOption,
    LangOption,
    SolutionsOption,
    TlsOption,
    executor_of,
    grader_of,
    hidden_assignments,
    language_of,
    say,
    staff_errors,
)
from grader.model.errors import UserError, writing
from grader.model.needs import require_web
from grader.model.text import Language, tr

if TYPE_CHECKING:
    from grader.gradebook import Gradebook
    from grader.web.site import Site

app = typer.Typer()

_SWITCH_SECONDS = 0.0005
"""A thread waits up to this long for its turn after each statement to the database. Python's 5 ms would add up."""
_NICENESS = 10  # of grading beside the pages, which students wait for
_Results = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="RESULTS", help="The folder with the gradebook."),
]


LogOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Add a line of JSON for each request and grading, without names; `-` is standard error.",
    ),
]


@app.command(
    epilog="Examples: `grader serve` · `grader serve --roster class.csv --url https://homework.example.edu`"
)
def serve(
    context: typer.Context,
    results: _Results = Path("results"),
    roster: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Roster: CSV with id, name, email, section; writes a sign-in link for each student who has none.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The network address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8000,
    url: Annotated[
        str | None,
        typer.Option(help="The public address, if it is another one, as behind a proxy with TLS."),
    ] = None,
    grading: Annotated[
        bool,
        typer.Option("--grading/--no-grading", help="Grade here, or leave it to `grader work`."),
    ] = True,
    log: LogOption = None,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    tls: TlsOption = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
    isolation: IsolationOption = "full",
    solutions: SolutionsOption = None,
) -> None:
    """Serve the web pages: students hand in and see their results, assistants see the class.

    Prints the address, and on first use a sign-in link for the teacher. With a roster, RESULTS/links.csv holds the
    students' links for a mail merge. Stop it with Ctrl-C; gradings that aren't finished go back to the queue.
    """
    language = language_of(lang)
    with staff_errors(language), ExitStack() as stack:
        require_web()
        import uvicorn

        from grader.authoring.push import Examiner, Follower, catch_up
        from grader.gradebook import Gradebook
        from grader.gradebook.backup import LINKS
        from grader.grading.progress import processors
        from grader.grading.work import Workers
        from grader.sandbox import refuse_readable
        from grader.web.app import create_app
        from grader.web.site import Site

        assignments = hidden_assignments(solutions)
        refuse_readable(results)
        with writing(results):
            results.mkdir(parents=True, exist_ok=True)
        book = stack.enter_context(Gradebook(results, gradebook, create=True))
        assignments = catch_up(book, assignments)
        listening = stack.enter_context(_listening(host, port))
        address = url or f"http://{host}:{listening.getsockname()[1]}"
        count = jobs or processors()
        note = stack.enter_context(_log(log))
        site = Site(
            book, assignments, address, workers=count if grading else 1, tell=_tell, note=note
        )
        if roster is not None:
            _write_links(book, site, roster, results / LINKS, language)
        if grading:
            executor = stack.enter_context(
                executor_of(context, isolation, jobs, cluster, tls, language, _NICENESS)
            )
            workers = stack.enter_context(Workers(book, executor, assignments, _tell, note))
            site.look, site.workers = workers.look, executor.slots
            stack.enter_context(
                Follower(book, assignments, site.follow, workers.replacing, tell=_tell)
            )
            examine = partial(grader_of, context, isolation, niceness=_NICENESS)
            stack.enter_context(Examiner(book, examine, lambda: site.assignments, _tell))
        else:
            stack.enter_context(Follower(book, assignments, site.follow, tell=_tell))
        say(tr("Serving at {address}", address=site.url), language)
        if link := site.first_link():
            say(tr("Sign in as the teacher (this link works once): {link}", link=link), language)
        config = uvicorn.Config(
            create_app(site),
            log_level="warning",
            proxy_headers=True,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=2**16,
            server_header=False,
        )
        sys.setswitchinterval(_SWITCH_SECONDS)
        gc.freeze()  # what lives as long as the server isn't looked through while a page waits
        signal.signal(signal.SIGTERM, _end)  # uvicorn raises the signal again when it has stopped
        uvicorn.Server(config).run(sockets=[listening])


@app.command(epilog="Example: `grader work --gradebook postgresql://grader@db/course`")
def work(
    context: typer.Context,
    results: _Results = Path("results"),
    log: LogOption = None,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    tls: TlsOption = None,
    gradebook: GradebookOption = None,
    lang: LangOption = None,
    isolation: IsolationOption = "full",
    solutions: SolutionsOption = None,
) -> None:
    """Grade what was handed in on the web pages, on this machine. Any number of machines may do so."""
    language = language_of(lang)
    with staff_errors(language):
        from grader.authoring.push import Examiner, Follower, catch_up
        from grader.gradebook import Gradebook
        from grader.grading.work import Workers
        from grader.sandbox import refuse_readable

        assignments = hidden_assignments(solutions)
        refuse_readable(results)
        with Gradebook(results, gradebook) as book, _log(log) as note, ExitStack() as stack:
            live = catch_up(book, assignments)
            executor = stack.enter_context(
                executor_of(context, isolation, jobs, cluster, tls, language)
            )
            workers = stack.enter_context(Workers(book, executor, live, _tell, note))
            follow = lambda new: live.update({new.name: new})  # noqa: E731
            stack.enter_context(Follower(book, live, follow, workers.replacing, tell=_tell))
            examine = partial(grader_of, context, isolation)
            stack.enter_context(Examiner(book, examine, lambda: live, _tell))
            say(tr("Grading from {place}", place=book.place), language)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _end)
            threading.Event().wait()


@contextmanager
def _log(path: str | None) -> Iterator[Callable[[str, Mapping[str, object]], None]]:
    """Write events as lines of JSON."""
    if path is None:
        yield lambda event, facts: None
        return
    with ExitStack() as stack:
        file: IO[str] = sys.stderr
        if path != "-":
            with writing(Path(path)):
                file = stack.enter_context(Path(path).open("a", encoding="utf-8"))
        lock = threading.Lock()

        def note(event: str, facts: Mapping[str, object]) -> None:
            at = datetime.now().astimezone().isoformat(timespec="milliseconds")
            with lock:
                print(json.dumps({"at": at, "event": event, **facts}), file=file, flush=True)

        yield note


def _end(number: int, _: object) -> None:
    raise SystemExit(0)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        made = socket.create_server((host, port), backlog=1024)
        # The body of a page doesn't wait 40 ms until its head has arrived. Sockets of asyncio's own have this.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            tr("can't listen on {host}:{port}: {reason}", host=host, port=port, reason=reason)
        ) from error
    with made:
        yield made


def _write_links(
    book: "Gradebook", site: "Site", roster: Path, path: Path, language: Language
) -> None:
    """Give every student of the roster an account, and those who have none a link."""
    from grader.gradebook import people
    from grader.gradebook.opening import transaction
    from grader.intake import read_roster

    entries = read_roster(roster)
    with transaction(book.engine) as connection:
        known = {each.id: each.section for each in people.accounts(connection)}
        people.put_accounts(
            connection,
            [
                people.Account(
                    id=each.id,
                    name=each.name,
                    email=each.email,
                    section=each.section or known.get(each.id, ""),
                )
                for each in entries
            ],
        )
        new = [each for each in entries if each.id not in known]
        rows = [
            (each.id, each.name, each.email, site.link(people.new_link(connection, each.id)))
            for each in new
        ]
        if not rows:
            return
        with writing(path):
            there = path.exists()
            path.touch(0o600)
            with path.open("a", encoding="utf-8-sig" if not there else "utf-8", newline="") as file:
                writer = csv.writer(file)
                if not there:
                    writer.writerow(("id", "name", "email", "link"))
                writer.writerows(rows)
    say(tr("{count} sign-in links: {path}", count=len(rows), path=path), language)


def _tell(line: str) -> None:
    console(stderr=True).print(line, soft_wrap=True, markup=False)
