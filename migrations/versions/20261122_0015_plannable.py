"""Two functions in a form that a distributed database can plan; they do what they did."""

from alembic import op

from partner_api.database.sources import sql_file

revision = "0015_plannable"
down_revision = "0013_status"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for path in ("devices/sql/record_enrolled.2.sql", "sweep/sql/status_is_fresh.2.sql"):
        op.execute(sql_file(path))
