"""Teams, excused and dropped students, decisions that can be undone, comments, removals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and tables."""
    no = sa.false()
    op.add_column("roster", sa.Column("team", sa.Text, nullable=False, server_default=""))
    op.add_column("roster", sa.Column("dropped", sa.Boolean, nullable=False, server_default=no))
    op.create_table(
        "team",
        sa.Column("student", sa.String, primary_key=True),
        sa.Column("assignment", sa.String, primary_key=True),
        sa.Column("team", sa.Text, nullable=False),
    )
    op.add_column("adjustment", sa.Column("beyond", sa.Boolean, nullable=False, server_default=no))
    op.add_column("adjustment", sa.Column("excused", sa.Boolean, nullable=False, server_default=no))
    op.add_column("adjustment", sa.Column("undone_by", sa.Text))
    op.add_column("adjustment", sa.Column("undone_at", sa.String))
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("student", sa.String, nullable=False),
        sa.Column("assignment", sa.String, nullable=False),
        sa.Column("item", sa.String),
        sa.Column("cell", sa.Text),
        sa.Column("line", sa.Integer),
        sa.Column("quote", sa.Text),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("undone_by", sa.Text),
        sa.Column("undone_at", sa.String),
    )
    op.create_table(
        "forgotten",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("forgotten_at", sa.String, nullable=False),
        sa.Column("hand_ins", sa.Integer, nullable=False),
    )
