"""The tables of the gradebook. Every change needs a migration."""

from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)


class When(TypeDecorator[datetime]):
    """A datetime that keeps its original time zone, which database types don't."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write it as ISO 8601."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Read it back."""
        return None if value is None else datetime.fromisoformat(value)


METADATA = MetaData()

RUN = Table(
    "run",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("paths", Text, nullable=False),
    Column("began", When, nullable=False),
    Column("ended", When),
)

ASSIGNMENT = Table(
    "assignment",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("settings", Text, nullable=False),
    Column("run_id", ForeignKey("run.id"), nullable=False),
)
"""Every version used for grading; `run_id` is the last run that used it."""

ROSTER = Table(
    "roster",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("team", Text, nullable=False, server_default=""),
    Column("section", Text, nullable=False, server_default=""),
    Column("dropped", Boolean, nullable=False, server_default=false()),
    Column("position", Integer, nullable=False),
)
"""Everyone who was ever on the roster; `dropped` are those who aren't on the last one."""

TEAM = Table(
    "team",
    METADATA,
    Column("student", String, primary_key=True),
    Column("assignment", String, primary_key=True),
    Column("team", Text, nullable=False),
)
"""The teams of the last file of teams; `assignment` is empty for all of them."""

UNMATCHED = Table(
    "unmatched",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False, index=True),
    Column("origin", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("student", String, nullable=False, server_default=""),
)
"""`student` is empty if it is unknown."""

HAND_IN = Table(
    "hand_in",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("student", String, nullable=False),
    Column("assignment", String, nullable=False),
    Column("origin", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", Text, nullable=False),
    Column("cells", LargeBinary, nullable=False),
    Column("handed_in", When),
    Column("due", When),
    Column("late_days", Integer, nullable=False),
    Column("penalty", Float, nullable=False),
    Column("late_mark", Boolean, nullable=False),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    UniqueConstraint("student", "assignment", "origin", "sha256", name="hand_in_once"),
    Index("hand_in_of_bytes", "student", "assignment", "sha256", unique=True),
)
"""`run_id` is the last run that found it, and `origin` where that was."""

REPORT = Table(
    "report",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("hand_in_id", ForeignKey("hand_in.id"), nullable=False, index=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("digest", ForeignKey("assignment.digest"), nullable=False),
    Column("version", String, nullable=False),
    Column("graded_at", When, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("how", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("ungraded", Boolean, nullable=False),
    Column("report", Text, nullable=False),
    Column("summary", Text, nullable=False, server_default=""),
    Column("recording", LargeBinary),
    Index("report_of_content", "sha256", "digest", "version"),
)
"""Every report ever made; the latest of a hand-in is the valid one. `summary` is the report without its bulk."""

ADJUSTMENT = Table(
    "adjustment",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("student", String, nullable=False),
    Column("assignment", String, nullable=False),
    Column("item", String),
    Column("points", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made_at", When, nullable=False),
    Column("beyond", Boolean, nullable=False, server_default=false()),
    Column("excused", Boolean, nullable=False, server_default=false()),
    Column("undone_by", Text),
    Column("undone_at", When),
)

COMMENT = Table(
    "comment",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("student", String, nullable=False),
    Column("assignment", String, nullable=False),
    Column("item", String),
    Column("cell", Text),
    Column("line", Integer),
    Column("quote", Text),
    Column("words", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made_at", When, nullable=False),
    Column("undone_by", Text),
    Column("undone_at", When),
)
"""`quote` is the line that a comment on a line of the hand-in is about."""

HANDED_BACK = Table(
    "handed_back",
    METADATA,
    Column("student", String, primary_key=True),
    Column("assignment", String, primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("begun_at", When, nullable=False),
    Column("sent_at", When),
)
"""The results that were sent by mail; `digest` is that of what the student was told."""

FORGOTTEN = Table(
    "forgotten",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("forgotten_at", When, nullable=False),
    Column("hand_ins", Integer, nullable=False),
)
"""That someone's work was removed, without who it was."""

# --- the web application: people, what they upload, and the queue

ACCOUNT = Table(
    "account",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("role", String, nullable=False),
    Column("section", Text, nullable=False),
    Column("language", String),
)
"""The people who can sign in. A student's id is that of the roster."""

SIGN_IN_LINK = Table(
    "sign_in_link",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ends", Float, nullable=False),
)
"""Personal links that haven't been used. `digest` is the SHA-256 of the link's secret part."""

SESSION = Table(
    "session",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ends", Float, nullable=False),
)
"""Who is signed in. `digest` is the SHA-256 of the secret in the cookie."""

UPLOAD = Table(
    "upload",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("student", String, nullable=False),
    Column("assignment", String, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("uploaded_at", When, nullable=False),
    Column("handed_in", When),
    Column("ungraded", Text),
    Index("upload_of_student", "student", "assignment"),
)
"""The files as they came. `handed_in` is empty until the student confirms; `ungraded` says why nothing graded it."""

JOB = Table(
    "job",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("upload_id", ForeignKey("upload.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("student", String, nullable=False),
    Column("assignment", String, nullable=False),
    Column("state", String, nullable=False),
    Column("bulk", Boolean, nullable=False),
    Column("rerun", Boolean, nullable=False),
    Column("superseded", Boolean, nullable=False),
    Column("rank", Float, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("lease", Float, nullable=False),
    Column("claim", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("progress", Text, nullable=False),
    Index("job_order", "state", "superseded", "bulk", "rank"),
    Index(
        "job_running",
        "student",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)
"""The queue: one row for each grading that is `waiting`, `running` or `done`."""

EXTENSION = Table(
    "extension",
    METADATA,
    Column("student", String, primary_key=True),
    Column("assignment", String, primary_key=True),
    Column("due", When, nullable=False),
)

RELEASE = Table(
    "release",
    METADATA,
    Column("assignment", String, primary_key=True),
    Column("released_at", When, nullable=False),
)
"""The assignments whose results an assistant has released."""

QUESTION = Table(
    "question",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("upload_id", ForeignKey("upload.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("item", String, nullable=False),
    Column("words", Text, nullable=False),
    Column("asked_at", When, nullable=False),
    Column("answer", Text),
    Column("answered_by", String),
    Column("answered_at", When),
)
"""Regrade requests of students, and their answers."""

VERSION = Table(
    "version",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("assignment", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("words", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("made_at", When, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("lease", Float, nullable=False),
    Column("claim", String, nullable=False),
    Column("base", String, nullable=False),
    Column("examined", Text),
    Column("reason", Text, nullable=False),
    Column("serial", Integer, unique=True),
    Column("applied_at", When),
)
"""New versions of assignments, each a zip of its folder; `serial` grows with each that goes live."""

EVENT = Table(
    "event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("happened_at", When, nullable=False),
    Column("account", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Index("event_of_subject", "subject"),
)
"""The audit log: who changed or looked at what."""
