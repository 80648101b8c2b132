"""What tables of a class show of a report stands in a column of its own."""

import msgspec
import sqlalchemy as sa
from alembic import op

from grader.model.score import ScoreReport

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column, and fill it from the reports."""
    op.add_column("report", sa.Column("summary", sa.Text, nullable=False, server_default=""))
    report = sa.table(
        "report", sa.column("id", sa.Integer), sa.column("report"), sa.column("summary")
    )
    connection = op.get_bind()
    for id_ in list(connection.execute(sa.select(report.c.id)).scalars()):
        whole = connection.execute(sa.select(report.c.report).where(report.c.id == id_)).scalar()
        brief = msgspec.json.decode(whole or "", type=ScoreReport).brief
        filled = sa.update(report).where(report.c.id == id_)
        connection.execute(filled.values(summary=msgspec.json.encode(brief).decode()))
