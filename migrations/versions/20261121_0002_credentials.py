"""Credentials of an MSP's programs."""

import sqlalchemy as sa
from alembic import op

from partner_api.tenancy.rls import protect

revision = "0002_credentials"
down_revision = "0001_msps"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credentials",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("credentials_pkey")),
        sa.ForeignKeyConstraint(["msp_id"], ["msps.msp_id"], name=op.f("credentials_msp_id_fkey")),
    )
    # Making, disabling and enabling credentials is the operator's; programs renew their own.
    protect("credentials", api="select, update (secret_hash, last_used_at)")
