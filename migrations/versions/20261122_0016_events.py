"""The log of what happened, who wants to hear of it, and devices that went out."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function, create_plain_function, open_to, protect

revision = "0016_events"
down_revision = "0015_relayed_check_ins"
branch_labels = None
depends_on = None

RECORDING = (
    "resumed_at",
    "outage",
    "device_facts",
    "record_event",
    "record_outages",
    "record_check_ins",
    "record_version",
)
REPLACED = (
    "devices/sql/record_changes.2.sql",
    "devices/sql/remove_device.2.sql",
    "devices/sql/adjust_devices.3.sql",
    "devices/sql/move_device.2.sql",
    "devices/sql/record_enrolled.3.sql",
    "ingest/sql/check_in_calm.2.sql",
    "ingest/sql/check_in_relayed.2.sql",
    "ingest/sql/check_in_stepping.2.sql",
    "sweep/sql/sweep_devices.2.sql",
    "sweep/sql/sweep_scan.2.sql",
)
NUMBERING = ("number_events", "waiting_events")


def upgrade() -> None:
    _thresholds()
    _log()
    _presence()
    _functions()
    _settle()


def _thresholds() -> None:
    for table in ("organizations", "devices"):
        op.add_column(
            table,
            sa.Column("offline_event_seconds", sa.Integer(), server_default="3600", nullable=False),
        )
    op.add_column(
        "devices", sa.Column("is_out", sa.Boolean(), server_default="false", nullable=False)
    )
    op.execute(f"grant update (offline_event_seconds) on organizations to {Role.API}")


def _log() -> None:
    op.create_table(
        "event_inbox",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("inbox_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("data", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "inbox_id", name=op.f("event_inbox_pkey")),
    )
    protect("event_inbox", api="select, insert")
    open_to(Role.FUNCTIONS, "event_inbox", grants="select, insert, delete")
    op.create_table(
        "event_logs",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("last_position", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("msp_id", name=op.f("event_logs_pkey")),
    )
    protect("event_logs", api="select")
    open_to(Role.FUNCTIONS, "event_logs", grants="select, insert, update")
    op.create_table(
        "event_interests",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "source", name=op.f("event_interests_pkey")),
    )
    protect("event_interests", api="select, insert, update, delete")
    open_to(Role.FUNCTIONS, "event_interests", grants="select")
    _events()


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("data", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "position", "kept_until", name=op.f("events_pkey")),
        # Cut by when they may go, so that check-ins go after a day and leave no holes in a table.
        postgresql_partition_by="RANGE (kept_until)",
    )
    op.create_index(
        op.f("events_msp_id_client_id_position_idx"), "events", ["msp_id", "client_id", "position"]
    )
    op.create_index(
        op.f("events_msp_id_org_id_position_idx"), "events", ["msp_id", "org_id", "position"]
    )
    protect("events", api="select")
    open_to(Role.FUNCTIONS, "events", grants="select, insert")
    op.execute(f"alter table events owner to {Role.PARTITIONS}")
    now = datetime.now(UTC)
    first, last = now.date(), (now + timedelta(days=38)).date()
    op.execute(f"select keep_partitions('events', 'day', '{first}', '{last}')")


def _presence() -> None:
    op.create_table(
        "server_presence",
        sa.Column("is_only", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("is_only", name=op.f("server_presence_pkey")),
        sa.CheckConstraint("is_only", name=op.f("server_presence_one_row_check")),
    )
    # A server is there: an upgrade that takes less than a minute is no time without one.
    op.execute(f"insert into server_presence (seen_at) values ('{datetime.now(UTC)}')")
    op.execute(f"grant select, update (seen_at, resumed_at) on server_presence to {Role.API}")
    op.execute(f"grant select on server_presence to {Role.FUNCTIONS}")


def _functions() -> None:
    for name in RECORDING:
        create_plain_function(
            sql_file(f"events/sql/{name}.1.sql"), executable_by=[Role.API, Role.FUNCTIONS]
        )
    # The owner alone publishes.
    create_plain_function(sql_file("events/sql/record_release.1.sql"), executable_by=[])
    for file in REPLACED:
        op.execute(sql_file(file))
    create_function(
        sql_file("ingest/sql/check_in_folded.1.sql"),
        owner=Role.FUNCTIONS,
        executable_by=Role.INGEST,
    )
    for name in NUMBERING:
        create_function(
            sql_file(f"events/sql/{name}.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.WORKER
        )


def _settle() -> None:
    """Thresholds that were chosen before are followed; who went out before is out, unannounced."""
    op.execute(
        """
        update organizations o set offline_event_seconds = c.value
          from (select p.msp_id, p.org_id, coalesce(s.value, m.value) as value
                  from organizations p
                  left join organization_settings s
                    on (s.msp_id, s.org_id, s.name) = (p.msp_id, p.org_id, 'offlineEventSeconds')
                  left join msp_settings m
                    on (m.msp_id, m.name) = (p.msp_id, 'offlineEventSeconds')) c
         where (c.msp_id, c.org_id) = (o.msp_id, o.org_id) and c.value is not null"""
    )
    op.execute(
        """
        update devices d set offline_event_seconds = o.offline_event_seconds
          from organizations o
         where (o.msp_id, o.org_id) = (d.msp_id, d.org_id)
           and d.offline_event_seconds <> o.offline_event_seconds"""
    )
    now = datetime.now(UTC)
    op.execute(
        f"""
        update devices set is_out = true
         where extract(epoch from '{now}'::timestamptz - last_seen) > offline_event_seconds"""
    )
