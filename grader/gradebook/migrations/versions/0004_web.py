"""Tables of the web application: people, uploads, the queue, releases, questions and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "account",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("section", sa.Text, nullable=False),
        sa.Column("language", sa.String),
    )
    for name in ("sign_in_link", "session"):
        op.create_table(
            name,
            sa.Column("digest", sa.String(64), primary_key=True),
            sa.Column(
                "account_id",
                sa.String,
                sa.ForeignKey("account.id", ondelete="CASCADE"),
                nullable=False,
                index=True,
            ),
            sa.Column("ends", sa.Float, nullable=False),
        )
    op.create_table(
        "upload",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("student", sa.String, nullable=False),
        sa.Column("assignment", sa.String, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("uploaded_at", sa.String, nullable=False),
        sa.Column("handed_in", sa.String),
        sa.Column("ungraded", sa.Text),
    )
    op.create_index("upload_of_student", "upload", ["student", "assignment"])
    op.create_table(
        "job",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "upload_id",
            sa.Integer,
            sa.ForeignKey("upload.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("student", sa.String, nullable=False),
        sa.Column("assignment", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("bulk", sa.Boolean, nullable=False),
        sa.Column("rerun", sa.Boolean, nullable=False),
        sa.Column("superseded", sa.Boolean, nullable=False),
        sa.Column("rank", sa.Float, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("lease", sa.Float, nullable=False),
        sa.Column("claim", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
    )
    op.create_index("job_order", "job", ["state", "superseded", "bulk", "rank"])
    op.create_index(
        "job_running",
        "job",
        ["student"],
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_table(
        "extension",
        sa.Column("student", sa.String, primary_key=True),
        sa.Column("assignment", sa.String, primary_key=True),
        sa.Column("due", sa.String, nullable=False),
    )
    op.create_table(
        "release",
        sa.Column("assignment", sa.String, primary_key=True),
        sa.Column("released_at", sa.String, nullable=False),
    )
    op.create_table(
        "question",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "upload_id",
            sa.Integer,
            sa.ForeignKey("upload.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("item", sa.String, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("asked_at", sa.String, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("answered_by", sa.String),
        sa.Column("answered_at", sa.String),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("happened_at", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
    )
    op.create_index("event_of_subject", "event", ["subject"])
