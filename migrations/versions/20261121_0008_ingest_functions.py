"""What the ingest login may execute."""

from alembic import op

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function

revision = "0008_ingest_functions"
down_revision = "0007_logs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(f"grant create on schema public to {Role.FUNCTIONS}")
    for name in ("check_in_group", "check_in_read", "check_in_write", "log_group"):
        create_function(
            sql_file(f"ingest/sql/{name}.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.INGEST
        )
