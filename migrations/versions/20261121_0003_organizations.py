"""Organizations."""

import sqlalchemy as sa
from alembic import op

from partner_api.tenancy.rls import protect

revision = "0003_organizations"
down_revision = "0002_credentials"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_sort", sa.Text(collation="C"), nullable=False),
        sa.Column("slug", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "org_id", name=op.f("organizations_pkey")),
        sa.UniqueConstraint("msp_id", "slug", name=op.f("organizations_msp_id_slug_key")),
        sa.ForeignKeyConstraint(
            ["msp_id"], ["msps.msp_id"], name=op.f("organizations_msp_id_fkey")
        ),
    )
    protect("organizations", api="select, insert, update (name, name_sort), delete")
