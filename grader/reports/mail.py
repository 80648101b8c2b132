"""Send students their results by e-mail: one message a student, and nothing twice."""

import smtplib
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import msgspec

from grader.gradebook import Gradebook
from grader.gradebook.handed_back import Result, claim, handed_back, mark_sent, unclaim
from grader.gradebook.opening import transaction
from grader.model.assignment import Assignment
from grader.model.errors import UserError
from grader.model.record import ClassRecord, Record, RosterEntry
from grader.model.text import Language, Text, printable, tr
from grader.reports.hand_back import graded, result, still_ungraded, what_is_told
from grader.reports.html import file_names, student_page

_SECONDS = 60.0  # that the server may take to answer


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The mail server that takes the messages."""

    host: str
    port: int
    encrypted: bool = False
    """Whether the connection begins with TLS; otherwise TLS is used if the server offers it."""
    user: str = ""
    password: str = ""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One student's message."""

    student: RosterEntry
    results: dict[Result, Record]
    """What it tells, in the order of the assignments."""


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of a class."""

    to_send: tuple[Letter, ...]
    notes: tuple[Text, ...]
    """Who gets none, with the reason."""
    sent: int
    """How many results were sent before."""


def server_at(url: str, password: str) -> Server:
    """Read the address of a mail server: `smtp://user@host:port`, or `smtps://…` if it begins with TLS.

    Raises:
        UserError: it is no such address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.password:
        raise UserError(
            tr(
                "{url} isn't the address of a mail server; write smtp://user@host:port or "
                "smtps://user@host:port, with the password in the environment variable GRADER_SMTP_PASSWORD",
                url=printable(url),
            )
        )
    encrypted = parts.scheme == "smtps"
    return Server(
        host=parts.hostname,
        port=port or (465 if encrypted else 587),
        encrypted=encrypted,
        user=unquote(parts.username or ""),
        password=password,
    )


def letters(record: ClassRecord, book: Gradebook, again: bool = False) -> Letters:
    """Return the messages with the results that no message told yet; with `again` also those that one did."""
    with transaction(book.reading) as connection:
        known = {} if again else handed_back(connection)
    notes, found, sent = [*still_ungraded(record)], [], 0
    for student in record.students:
        theirs = {
            result(each): each for (who, _), each in graded(record).items() if who == student.id
        }
        new = {key: each for key, each in theirs.items() if key not in known}
        unsure = [key.assignment for key in theirs if key in known and known[key] is None]
        sent += len(theirs) - len(new) - len(unsure)
        if unsure:
            notes.append(
                tr(
                    "{student}, {assignment}: sending was interrupted, so the message may have arrived; "
                    "ask, or send it with --student and --again",
                    student=student.id,
                    assignment=", ".join(unsure),
                )
            )
        if new and not _address(student):
            notes.append(tr("{student}: no e-mail address in the roster", student=student.id))
        elif new:
            found.append(Letter(student=student, results=new))
    return Letters(to_send=tuple(found), notes=tuple(notes), sent=sent)


def message(letter: Letter, record: ClassRecord, sender: str, language: Language) -> EmailMessage:
    """Return a student's message: the results in words, and their pages as attachments.

    Raises:
        UserError: the sender isn't an e-mail address.
    """
    assignments = {each.name: each for each in record.assignments}
    theirs = [(assignments[key.assignment], each) for key, each in letter.results.items()]
    made = EmailMessage(SMTP)
    made["From"] = _sender(sender)
    made["To"] = _address(letter.student)
    made["Subject"] = printable(_subject([each for each, _ in theirs]).in_(language), 200)
    made["Date"] = format_datetime(datetime.now().astimezone())
    made["Message-ID"] = make_msgid(domain=made["From"].addresses[0].domain)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(_body(letter.student, theirs, language))
    files = file_names(assignments)
    for assignment, each in theirs:
        attempts = record.attempts[each.report.student, assignment.name]
        page = student_page(each, assignment, language, letter.student.name, attempts)
        made.add_attachment(
            page.encode(),
            maintype="text",
            subtype="html",
            filename=f"{files[assignment.name]}.html",
        )
    return made


def send(
    book: Gradebook,
    to_send: Iterable[Letter],
    write: Callable[[Letter], EmailMessage],
    server: Server,
    per_minute: float,
    tell: Callable[[Letter, Text | None], None],
    again: bool = False,
) -> int:
    """Send messages, at most `per_minute` of them a minute, and return how many the server took.

    What the gradebook knows as sent is left out unless `again`. Each message is noted before and after it is sent:
    stopping at any time and starting again sends none twice. `tell` is called after each message, with the reason if
    the server refused the address.

    Raises:
        UserError: the server can't be reached, or doesn't take messages.
    """
    sent = 0
    smtp: smtplib.SMTP | None = None
    try:
        for number, letter in enumerate(to_send):
            if number:
                time.sleep(60 / per_minute)
            if smtp is None or not _alive(smtp):
                smtp = _open(server)
            written, results = write(letter), letter.results.keys()
            with transaction(book.engine) as connection:
                if again:
                    unclaim(connection, results)
                if not claim(connection, results, _now()):
                    continue  # somebody else sends it
            refused = _deliver(smtp, letter, written)
            with transaction(book.engine) as connection:
                if refused is None:
                    mark_sent(connection, results, _now())
                else:
                    unclaim(connection, results)
            if isinstance(refused, UserError):
                raise refused
            sent += refused is None
            tell(letter, refused)
    finally:
        if smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
    return sent


def _deliver(smtp: smtplib.SMTP, letter: Letter, written: EmailMessage) -> Text | UserError | None:
    """Why the server refused the student's address, or any message; None if it took this one.

    Raises:
        UserError: the connection ended, so that nobody knows.
    """
    try:
        smtp.send_message(written)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, words),) = error.recipients.values()
        return _answer(code, words)
    except smtplib.SMTPResponseException as error:
        answer = _answer(error.smtp_code, error.smtp_error)
        return UserError(
            tr(
                "the mail server takes no message: {answer}; run the same command again to continue",
                answer=answer,
            )
        )
    except (smtplib.SMTPException, OSError) as error:
        raise UserError(
            tr(
                "the connection ended while the message to {student} was being sent, so it may have arrived "
                "({reason}); run the same command again to continue with the others",
                student=letter.student.id,
                reason=printable(str(error)),
            )
        ) from error
    return None


def _open(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    with ExitStack() as failed:
        try:
            if server.encrypted:
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=_SECONDS, context=context
                )
            else:
                smtp = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
            failed.callback(smtp.close)
            smtp.ehlo()
            if not server.encrypted and smtp.has_extn("starttls"):
                smtp.starttls(context=context)
            elif not server.encrypted and server.user and not _is_here(server.host):
                raise UserError(
                    tr(
                        "{host} offers no encryption, so the password isn't sent; use another port or smtps://",
                        host=server.host,
                    )
                )
            if server.user:
                smtp.login(server.user, server.password)
        except smtplib.SMTPAuthenticationError as error:
            raise UserError(
                tr(
                    "{host} refuses {user}: {answer}; the password is that in GRADER_SMTP_PASSWORD",
                    host=server.host,
                    user=printable(server.user),
                    answer=_answer(error.smtp_code, error.smtp_error),
                )
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            words = printable(str(error))
            raise UserError(
                tr("can't send mail by {host}: {reason}", host=server.host, reason=words)
            ) from error
        failed.pop_all()
    return smtp


def _alive(smtp: smtplib.SMTP) -> bool:
    try:
        return bool(smtp.noop()[0] == 250)
    except (smtplib.SMTPException, OSError):
        return False


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _answer(code: int, words: bytes | str) -> Text:
    plain = words if isinstance(words, str) else words.decode("utf-8", "replace")
    return tr("{code} {words}", code=code, words=printable(plain))


def _address(student: RosterEntry) -> Address | None:
    try:
        found = Address(printable(student.name), addr_spec=student.email)
    except (ValueError, IndexError, HeaderParseError):
        return None
    return found if found.username and found.domain and found.addr_spec.isascii() else None


def _sender(words: str) -> Address:
    name, address = parseaddr(words)
    found = _address(RosterEntry("", name, address))
    if found is None:
        raise UserError(
            tr("{words} isn't an e-mail address; pass yours with --from", words=printable(words))
        )
    return found


def _subject(assignments: Sequence[Assignment]) -> Text:
    titles = Text(
        ko=", ".join(each.title.ko for each in assignments),
        en=", ".join(each.title.en for each in assignments),
    )
    course = assignments[0].course.title
    words = tr("Your results: {titles}", titles=titles)
    return tr("[{course}] {words}", course=course, words=words) if course else words


def _body(
    student: RosterEntry, results: Sequence[tuple[Assignment, Record]], language: Language
) -> str:
    def say(text: Text) -> str:
        return text.in_(language)

    lines = [say(tr("Hello {name},", name=printable(student.name or student.id))), ""]
    for assignment, each in results:
        lines += [
            say(assignment.title),
            *(f"  {line}" for line in what_is_told(each, language)),
            "",
        ]
    lines.append(say(tr("The attached pages show the details. Open them in a browser.")))
    if contact := results[0][0].course.contact:
        lines.append(say(tr("Questions? Write to {contact}.", contact=printable(contact))))
    return "\n".join(lines) + "\n"


def _now() -> datetime:
    return datetime.now().astimezone()
