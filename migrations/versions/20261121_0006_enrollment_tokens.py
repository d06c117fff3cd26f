"""Enrollment tokens."""

import sqlalchemy as sa
from alembic import op

from partner_api.tenancy.rls import protect

revision = "0006_enrollment_tokens"
down_revision = "0005_releases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrollment_tokens",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "token_id", name=op.f("enrollment_tokens_pkey")),
        sa.ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            name=op.f("enrollment_tokens_msp_id_org_id_fkey"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        op.f("enrollment_tokens_msp_id_org_id_token_id_idx"),
        "enrollment_tokens",
        ["msp_id", "org_id", "token_id"],
    )
    protect("enrollment_tokens", api="select, insert, update (uses), delete")
