"""Events are numbered in time however many came while nobody thought so."""

from alembic import op

from partner_api.database.sources import sql_file

revision = "0020_numbering"
down_revision = "0019_check_in_counts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sql_file("webhooks/sql/queue_deliveries.2.sql"))
    op.execute(sql_file("events/sql/number_events.3.sql"))
