"""The same bytes of one student for one assignment are one hand-in; whose an unmatched file may be."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MERGE = """
UPDATE report SET hand_in_id = (
    SELECT max(kept.id) FROM hand_in AS given JOIN hand_in AS kept
    ON kept.student = given.student AND kept.assignment = given.assignment AND kept.sha256 = given.sha256
    WHERE given.id = report.hand_in_id
)
"""
_REMOVE = """
DELETE FROM hand_in WHERE id NOT IN (SELECT max(id) FROM hand_in GROUP BY student, assignment, sha256)
"""


def upgrade() -> None:
    """Merge what is one, and add the column."""
    op.execute(_MERGE)
    op.execute(_REMOVE)
    op.create_index("hand_in_of_bytes", "hand_in", ["student", "assignment", "sha256"], unique=True)
    op.add_column("unmatched", sa.Column("student", sa.String, nullable=False, server_default=""))
