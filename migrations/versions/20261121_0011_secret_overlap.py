"""A replaced client secret may live on for a while."""

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role

revision = "0011_secret_overlap"
down_revision = "0010_device_labels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("credentials", sa.Column("previous_hash", sa.LargeBinary(), nullable=True))
    op.add_column(
        "credentials", sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute(f"grant update (previous_hash, previous_until) on credentials to {Role.API}")
