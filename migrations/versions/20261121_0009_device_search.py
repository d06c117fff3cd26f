"""Device search."""

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function

revision = "0009_device_search"
down_revision = "0008_ingest_functions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_function(
        sql_file("fleet/sql/search_devices.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.API
    )
