"""Everyday check-ins of an integrator's devices are written by one function."""

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function

revision = "0015_relayed_check_ins"
down_revision = "0014_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_function(
        sql_file("ingest/sql/check_in_relayed.1.sql"),
        owner=Role.FUNCTIONS,
        executable_by=Role.INGEST,
    )
