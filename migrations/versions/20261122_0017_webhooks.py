"""Webhooks, what waits to be delivered to them, and what became of the rest."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function, create_plain_function, open_to, protect

revision = "0017_webhooks"
down_revision = "0016_events"
branch_labels = None
depends_on = None

QUEUEING = ("queue_deliveries", "queue_again", "queue_stretch")
WORKING = (
    "waiting_webhooks",
    "claim_deliveries",
    "settle_deliveries",
    "suspend_webhook",
    "webhooks_behind",
    "catch_up",
    "open_replays",
    "replay_events",
    "orphaned_webhooks",
    "drop_deliveries",
)


def upgrade() -> None:
    _webhooks()
    _outbox()
    _ended()
    _replays()
    _functions()


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", ARRAY(sa.Text()), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("previous_sealed_secret", sa.Text(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("caught_up_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("msp_id", "webhook_id", name=op.f("webhooks_pkey")),
    )
    op.create_index(
        "webhooks_behind_idx",
        "webhooks",
        ["msp_id", "webhook_id"],
        postgresql_where=sa.text("caught_up_to is not null"),
    )
    protect("webhooks", api="select, insert, update, delete")
    open_to(Role.FUNCTIONS, "webhooks", grants="select, update")


def _outbox() -> None:
    op.create_table(
        "webhook_outbox",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_claimed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("claims", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.PrimaryKeyConstraint(
            "msp_id", "webhook_id", "position", name=op.f("webhook_outbox_pkey")
        ),
    )
    op.create_index(
        op.f("webhook_outbox_msp_id_webhook_id_due_at_position_idx"),
        "webhook_outbox",
        ["msp_id", "webhook_id", "due_at", "position"],
    )
    op.create_index(
        op.f("webhook_outbox_msp_id_webhook_id_client_id_position_idx"),
        "webhook_outbox",
        ["msp_id", "webhook_id", "client_id", "position"],
        postgresql_where=sa.text("client_id is not null"),
    )
    protect("webhook_outbox", api="select, insert, update, delete")
    open_to(Role.FUNCTIONS, "webhook_outbox", grants="select, insert, update, delete")


def _ended() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_delivered", sa.Boolean(), nullable=False),
        sa.Column("attempts", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint(
            "msp_id", "webhook_id", "position", "kept_until", name=op.f("webhook_deliveries_pkey")
        ),
        postgresql_partition_by="RANGE (kept_until)",
    )
    op.create_index(
        "webhook_deliveries_failed_idx",
        "webhook_deliveries",
        ["msp_id", "webhook_id", "position"],
        postgresql_where=sa.text("not is_delivered"),
    )
    protect("webhook_deliveries", api="select, delete")
    open_to(Role.FUNCTIONS, "webhook_deliveries", grants="select, insert, delete")
    op.execute(f"alter table webhook_deliveries owner to {Role.PARTITIONS}")
    today = datetime.now(UTC).date()
    last = today + timedelta(days=38)
    op.execute(f"select keep_partitions('webhook_deliveries', 'day', '{today}', '{last}')")


def _replays() -> None:
    op.create_table(
        "webhook_replays",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("replay_id", sa.Uuid(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("to_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_to", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "msp_id", "webhook_id", "replay_id", name=op.f("webhook_replays_pkey")
        ),
    )
    protect("webhook_replays", api="select, insert, delete")
    open_to(Role.FUNCTIONS, "webhook_replays", grants="select, update, delete")


def _functions() -> None:
    op.execute(f"grant insert, update, delete on event_interests to {Role.FUNCTIONS}")
    create_plain_function(
        sql_file("webhooks/sql/note_interest.1.sql"), executable_by=[Role.API, Role.FUNCTIONS]
    )
    for name in QUEUEING:
        create_plain_function(
            sql_file(f"webhooks/sql/{name}.1.sql"), executable_by=[Role.FUNCTIONS]
        )
    op.execute(sql_file("events/sql/number_events.2.sql"))
    for name in WORKING:
        create_function(
            sql_file(f"webhooks/sql/{name}.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.WORKER
        )
