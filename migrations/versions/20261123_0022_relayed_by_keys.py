"""Relayed devices are found by their keys, whatever size most MSPs are."""

from alembic import op

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function

revision = "0022_relayed_by_keys"
down_revision = "0021_network_by_organization"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Servers of the release before call check_in_relayed, which stays for them.
    create_function(
        sql_file("ingest/sql/relay_check_ins.1.sql"),
        owner=Role.FUNCTIONS,
        executable_by=Role.INGEST,
    )
    op.execute(sql_file("ingest/sql/relay_devices.2.sql"))
