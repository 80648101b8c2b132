"""New versions of assignments that are examined before they go live."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("assignment", sa.String, nullable=False, index=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("lease", sa.Float, nullable=False),
        sa.Column("claim", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("examined", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("serial", sa.Integer, unique=True),
        sa.Column("applied_at", sa.String),
    )
