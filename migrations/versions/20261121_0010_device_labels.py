"""Tags and attributes that integrators give devices."""

import sqlalchemy as sa
from alembic import op

from partner_api.tenancy.rls import protect

revision = "0010_device_labels"
down_revision = "0009_device_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_labels",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("device_labels_pkey")),
        sa.ForeignKeyConstraint(
            ["msp_id", "client_id"],
            ["devices.msp_id", "devices.client_id"],
            name=op.f("device_labels_msp_id_client_id_fkey"),
            ondelete="CASCADE",
        ),
    )
    protect("device_labels", api="select, insert, update, delete")
