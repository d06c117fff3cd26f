"""MSPs and their members."""

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role
from partner_api.tenancy.rls import protect

revision = "0001_msps"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "msps",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", name=op.f("msps_pkey")),
    )
    op.create_table(
        "members",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "email", name=op.f("members_pkey")),
        sa.ForeignKeyConstraint(["msp_id"], ["msps.msp_id"], name=op.f("members_msp_id_fkey")),
    )
    protect("msps", api="select")
    protect("members", api="select")
    # The server tells from this whether it may start; alembic made the table, the owner's.
    op.execute(f"grant select on alembic_version to {Role.API}, {Role.WORKER}")
