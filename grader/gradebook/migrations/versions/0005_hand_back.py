"""What was handed back by mail; sections of the roster; when each hand-in was due."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table and the columns."""
    op.create_table(
        "handed_back",
        sa.Column("student", sa.String, primary_key=True),
        sa.Column("assignment", sa.String, primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("begun_at", sa.String, nullable=False),
        sa.Column("sent_at", sa.String),
    )
    op.add_column("roster", sa.Column("section", sa.Text, nullable=False, server_default=""))
    op.add_column("hand_in", sa.Column("due", sa.String))
