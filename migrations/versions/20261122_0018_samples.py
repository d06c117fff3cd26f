"""What devices measure: where it waits, and what is made of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlalchemy.types import TypeEngine

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function, create_plain_function, open_to, protect

revision = "0018_samples"
down_revision = "0017_webhooks"
branch_labels = None
depends_on = None

WORKING = (
    "waiting_samples",
    "take_samples",
    "lock_live",
    "write_live",
    "closed_hours",
    "write_hours",
    "closed_days",
    "write_days",
    "lock_sketches",
    "write_sketches",
    "write_reports",
    "write_details",
    "due_live",
    "network_thresholds",
    "count_network",
    "recount_levels",
)
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _inbox()
    _packed("network_chunks", ["client_id", "hour"], "hour", ["points"], kept=8)
    _packed("network_minutes", ["client_id", "hour"], "hour", ["totals"], kept=31)
    columns = ["hours", "latency", "jitter", "loss"]
    _packed("network_days", ["client_id", "day"], "day", columns, kept=401, unit="month")
    _sketches()
    _details()
    # From here on devices' check-ins wait: what refers to devices locks them.
    _live()
    _counters()
    _reports()
    _functions()


def _tenant_and(*columns: sa.Column[Any]) -> Sequence[sa.Column[Any]]:
    return [sa.Column("msp_id", sa.Uuid(), nullable=False), *columns]


def _column(name: str, type_: TypeEngine[Any], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=nullable)


def _inbox() -> None:
    op.create_table(
        "sample_inbox",
        *_tenant_and(
            _column("batch_id", sa.Uuid()),
            _column("client_ids", ARRAY(sa.Uuid())),
            _column("moments", ARRAY(INSTANT)),
            _column("samples", ARRAY(BYTEA())),
        ),
        sa.PrimaryKeyConstraint("msp_id", "batch_id", name=op.f("sample_inbox_pkey")),
    )
    protect("sample_inbox", api="select")
    open_to(Role.FUNCTIONS, "sample_inbox", grants="select, insert, delete")


def _live() -> None:
    op.create_table(
        "network_live",
        *_tenant_and(
            _column("client_id", sa.Uuid()),
            _column("org_id", sa.Uuid()),
            _column("level", sa.SmallInteger(), nullable=True),
            _column("latency", sa.Integer(), nullable=True),
            _column("jitter", sa.Integer(), nullable=True),
            _column("loss", sa.Integer(), nullable=True),
            _column("sampled_at", INSTANT, nullable=True),
            _column("expires_at", INSTANT, nullable=True),
            _column("close_at", INSTANT, nullable=True),
            _column("closed_to", INSTANT, nullable=True),
            _column("told", sa.BigInteger(), nullable=True),
            _column("points", BYTEA()),
        ),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("network_live_pkey")),
        _of_a_device("network_live"),
        postgresql_with={"fillfactor": 50},
    )
    for column in ("expires_at", "close_at"):
        op.create_index(
            op.f(f"network_live_msp_id_{column}_idx"),
            "network_live",
            ["msp_id", column],
            postgresql_where=sa.text(f"{column} is not null"),
        )
    op.create_index(
        op.f("network_live_msp_id_org_id_client_id_idx"),
        "network_live",
        ["msp_id", "org_id", "client_id"],
    )
    protect("network_live", api="select, update, delete")
    open_to(Role.FUNCTIONS, "network_live", grants="select, insert, update")


def _of_a_device(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["msp_id", "client_id"],
        ["devices.msp_id", "devices.client_id"],
        name=op.f(f"{table}_msp_id_client_id_fkey"),
        ondelete="CASCADE",
    )


def _counters() -> None:
    op.create_table(
        "network_counters",
        *_tenant_and(
            _column("org_id", sa.Uuid()),
            _column("good", sa.Integer()),
            _column("degraded", sa.Integer()),
            _column("poor", sa.Integer()),
        ),
        sa.PrimaryKeyConstraint("msp_id", "org_id", name=op.f("network_counters_pkey")),
        sa.ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            name=op.f("network_counters_msp_id_org_id_fkey"),
            ondelete="CASCADE",
        ),
        postgresql_with={"fillfactor": 50},
    )
    protect("network_counters", api="select, insert, update")
    open_to(Role.FUNCTIONS, "network_counters", grants="select, insert, update")


def _reports() -> None:
    op.create_table(
        "device_reports",
        *_tenant_and(
            _column("client_id", sa.Uuid()),
            _column("reported_at", INSTANT),
            _column("network", JSONB(), nullable=True),
            _column("interfaces", JSONB(), nullable=True),
            _column("metrics", JSONB(), nullable=True),
            _column("gateway_mac", sa.BigInteger(), nullable=True),
        ),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("device_reports_pkey")),
        _of_a_device("device_reports"),
    )
    op.create_index(
        op.f("device_reports_msp_id_client_id_idx"),
        "device_reports",
        ["msp_id", "client_id"],
        postgresql_include=["gateway_mac"],
        postgresql_where=sa.text("gateway_mac is not null"),
    )
    protect("device_reports", api="select")
    open_to(Role.FUNCTIONS, "device_reports", grants="select, insert, update")


def _packed(
    table: str, key: Sequence[str], by: str, columns: Sequence[str], *, kept: int, unit: str = "day"
) -> None:
    op.create_table(
        table,
        *_tenant_and(
            *(_column(name, INSTANT if name == by else sa.Uuid()) for name in key),
            *(_column(name, BYTEA()) for name in columns),
        ),
        sa.PrimaryKeyConstraint("msp_id", *key, name=op.f(f"{table}_pkey")),
        postgresql_partition_by=f"RANGE ({by})",
    )
    _partitioned(table, kept=kept, unit=unit)


def _sketches() -> None:
    op.create_table(
        "network_sketches",
        *_tenant_and(
            _column("org_id", sa.Uuid()),
            _column("seconds", sa.Integer()),
            _column("start", INSTANT),
            *(_column(name, BYTEA()) for name in ("latency", "jitter", "loss")),
        ),
        sa.PrimaryKeyConstraint(
            "msp_id", "org_id", "seconds", "start", name=op.f("network_sketches_pkey")
        ),
        postgresql_partition_by="RANGE (start)",
    )
    _partitioned("network_sketches", kept=32)


def _details() -> None:
    op.create_table(
        "sample_details",
        *_tenant_and(
            _column("client_id", sa.Uuid()),
            _column("at", INSTANT),
            _column("hops", JSONB(), nullable=True),
            _column("metrics", JSONB(), nullable=True),
        ),
        sa.PrimaryKeyConstraint("msp_id", "client_id", "at", name=op.f("sample_details_pkey")),
        postgresql_partition_by="RANGE (at)",
    )
    _partitioned("sample_details", kept=31)


def _partitioned(table: str, *, kept: int, unit: str = "day") -> None:
    protect(table, api="select")
    open_to(Role.FUNCTIONS, table, grants="select, insert, update")
    op.execute(f"alter table {table} owner to {Role.PARTITIONS}")
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=kept), today + timedelta(days=2)
    op.execute(f"select keep_partitions('{table}', '{unit}', '{first}', '{last}')")


def _functions() -> None:
    open_to(Role.FUNCTIONS, "msp_settings", grants="select")
    create_function(
        sql_file("telemetry/sql/keep_samples.1.sql"),
        owner=Role.FUNCTIONS,
        executable_by=Role.INGEST,
    )
    create_plain_function(
        sql_file("telemetry/sql/count_levels.1.sql"), executable_by=[Role.API, Role.FUNCTIONS]
    )
    for name in WORKING:
        create_function(
            sql_file(f"telemetry/sql/{name}.1.sql"),
            owner=Role.FUNCTIONS,
            executable_by=Role.WORKER,
        )
    op.execute(sql_file("devices/sql/move_device.3.sql"))
    op.execute(sql_file("devices/sql/remove_device.3.sql"))
