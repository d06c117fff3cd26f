"""Logs, one partition a day."""

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function, open_to, protect

revision = "0007_logs"
down_revision = "0006_enrollment_tokens"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "logs",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("log_id", sa.Uuid(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "msp_id", "client_id", "enrollment_id", "logged_at", "log_id", name=op.f("logs_pkey")
        ),
        postgresql_partition_by="RANGE (logged_at)",
    )
    protect("logs", api="select")
    open_to(Role.FUNCTIONS, "logs", grants="insert")
    op.execute(f"grant create on schema public to {Role.PARTITIONS}")
    op.execute(f"alter table logs owner to {Role.PARTITIONS}")
    create_function(
        sql_file("database/sql/maintain_partitions.1.sql"),
        owner=Role.PARTITIONS,
        executable_by=Role.WORKER,
    )
