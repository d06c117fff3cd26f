"""Devices."""

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role
from partner_api.tenancy.rls import open_to, protect

revision = "0004_devices"
down_revision = "0003_organizations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_in_count", sa.BigInteger(), nullable=False),
        sa.Column("sequence_high", sa.BigInteger(), nullable=True),
        sa.Column("sequence_window", sa.BigInteger(), nullable=False),
        sa.Column("facts_digest", sa.BigInteger(), nullable=True),
        sa.Column("facts_stated", sa.SmallInteger(), nullable=False),
        sa.Column("facts_pinned", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("os", sa.Text(), nullable=False),
        sa.Column("os_version", sa.Text(), nullable=True),
        sa.Column("arch", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("current_version", sa.Text(), nullable=False),
        sa.Column("version_sort", sa.Text(collation="C"), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("asset_id", sa.Text(), nullable=True),
        sa.Column("asset_sort", sa.Text(collation="C"), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column("user_email", sa.Text(), nullable=True),
        sa.Column("referrer", sa.Text(), nullable=True),
        sa.Column("facts_at", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("devices_pkey")),
        sa.ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            name=op.f("devices_msp_id_org_id_fkey"),
        ),
        # Room for the next version of a row on its own page.
        postgresql_with={"fillfactor": 75},
    )
    for sort in ("org_id", "version_sort", "asset_sort"):
        op.create_index(
            op.f(f"devices_msp_id_{sort}_client_id_idx"), "devices", ["msp_id", sort, "client_id"]
        )
    protect("devices", api="select, insert, update, delete")
    open_to(Role.FUNCTIONS, "devices", grants="select, update")
