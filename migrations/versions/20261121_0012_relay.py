"""Integrators may relay check-ins of their own devices."""

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function

revision = "0012_relay"
down_revision = "0011_secret_overlap"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_function(
        sql_file("ingest/sql/relay_devices.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.INGEST
    )
