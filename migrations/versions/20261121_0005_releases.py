"""Releases: global, the operator's."""

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role

revision = "0005_releases"
down_revision = "0004_devices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("os", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("version_sort", sa.Text(collation="C"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "os", "version", name=op.f("releases_pkey")),
    )
    op.create_index(
        op.f("releases_channel_os_version_sort_idx"), "releases", ["channel", "os", "version_sort"]
    )
    op.execute(f"grant select on releases to {Role.API}, {Role.FUNCTIONS}")
