"""The state each device is in, its history, counters, settings, and what sweeps them."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function, create_plain_function, open_to, protect

revision = "0013_status"
down_revision = "0012_relay"
branch_labels = None
depends_on = None

COUNTS = (
    "streaming_current",
    "streaming_outdated",
    "idle_current",
    "idle_outdated",
    "offline_current",
    "offline_outdated",
    "lost_current",
    "lost_outdated",
)
MACHINE = (
    "status_stage",
    "status_state",
    "status_walk",
    "is_calm",
    "is_current",
    "record_changes",
    "record_enrolled",
    "adjust_devices",
    "move_device",
    "remove_device",
)
SWEEP = (
    "sweep_scan",
    "sweep_devices",
    "sweep_pages",
    "due_hints",
    "forget_hints",
    "set_watermark",
    "notice_releases",
    "unapplied_releases",
    "outdated_devices",
    "finish_release",
    "changed_organizations",
    "organization_devices",
    "finish_organization",
    "follow",
    "every_msp",
    "every_organization",
    "recount",
)


def upgrade() -> None:
    _settings()
    _state()
    _counters()
    _history()
    _sweep_tables()
    _functions()
    _fill()


def _settings() -> None:
    for table in ("organizations", "devices"):
        for name, default in (("streaming", "300"), ("online", "3600"), ("critical", "86400")):
            op.add_column(
                table,
                sa.Column(f"{name}_seconds", sa.Integer(), server_default=default, nullable=False),
            )
        op.add_column(table, sa.Column("check_in_interval_seconds", sa.Integer(), nullable=True))
    op.add_column(
        "organizations", sa.Column("settings_changed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        op.f("organizations_msp_id_idx"),
        "organizations",
        ["msp_id"],
        postgresql_where=sa.text("settings_changed_at is not null"),
    )
    op.create_table(
        "msp_settings",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "name", name=op.f("msp_settings_pkey")),
        sa.ForeignKeyConstraint(["msp_id"], ["msps.msp_id"], name=op.f("msp_settings_msp_id_fkey")),
    )
    op.create_table(
        "organization_settings",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "msp_id", "org_id", "name", name=op.f("organization_settings_pkey")
        ),
        sa.ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            name=op.f("organization_settings_msp_id_org_id_fkey"),
            ondelete="CASCADE",
        ),
    )
    op.execute(
        "grant update (streaming_seconds, online_seconds, critical_seconds, "
        f"check_in_interval_seconds, settings_changed_at) on organizations to {Role.API}"
    )
    for table in ("msp_settings", "organization_settings"):
        protect(table, api="select, insert, update, delete")


def _state() -> None:
    add = op.add_column
    add("devices", sa.Column("stage", sa.SmallInteger(), server_default="3", nullable=False))
    add("devices", sa.Column("is_current", sa.Boolean(), server_default="true", nullable=False))
    add(
        "devices",
        sa.Column(
            "stage_since",
            sa.DateTime(timezone=True),
            server_default=sa.text("'epoch'"),
            nullable=False,
        ),
    )
    add(
        "devices",
        sa.Column(
            "health",
            sa.SmallInteger(),
            sa.Computed(
                "case when stage = 3 then 1 when stage = 2 or not is_current then 2 else 3 end",
                persisted=True,
            ),
            nullable=False,
        ),
    )
    add(
        "releases",
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.execute("alter table releases add noticed_xid xid8")
    open_to(Role.FUNCTIONS, "organizations", grants="select, update (settings_changed_at)")
    open_to(Role.FUNCTIONS, "msps", grants="select")
    op.execute(f"grant update (noticed_xid, applied_at) on releases to {Role.FUNCTIONS}")


def _counters() -> None:
    op.create_table(
        "organization_counters",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("msp_id", "org_id", name=op.f("organization_counters_pkey")),
        sa.ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            name=op.f("organization_counters_msp_id_org_id_fkey"),
            ondelete="CASCADE",
        ),
        # Nearly every write can then stay on the row's own page.
        postgresql_with={"fillfactor": 50},
    )
    protect("organization_counters", api="select, insert, update")
    open_to(Role.FUNCTIONS, "organization_counters", grants="select, insert, update")


def _history() -> None:
    op.create_table(
        "device_transitions",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("from_org_id", sa.Uuid(), nullable=True),
        sa.Column("state_before", sa.SmallInteger(), nullable=True),
        sa.Column("state_after", sa.SmallInteger(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "client_id", "at", name=op.f("device_transitions_pkey")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        op.f("device_transitions_msp_id_org_id_at_idx"),
        "device_transitions",
        ["msp_id", "org_id", "at"],
    )
    op.create_index(
        op.f("device_transitions_msp_id_from_org_id_at_idx"),
        "device_transitions",
        ["msp_id", "from_org_id", "at"],
        postgresql_where=sa.text("from_org_id is not null"),
    )
    protect("device_transitions", api="select, insert")
    open_to(Role.FUNCTIONS, "device_transitions", grants="select, insert")
    op.execute(f"alter table device_transitions owner to {Role.PARTITIONS}")
    create_function(
        sql_file("database/sql/keep_partitions.1.sql"),
        owner=Role.PARTITIONS,
        executable_by=Role.WORKER,
    )


def _sweep_tables() -> None:
    op.create_table(
        "sweep_watermark",
        sa.Column("is_only", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("is_only", name=op.f("sweep_watermark_pkey")),
        sa.CheckConstraint("is_only", name=op.f("sweep_watermark_one_row_check")),
    )
    op.execute("insert into sweep_watermark (swept_at) values ('epoch')")
    op.execute(f"grant select on sweep_watermark to {Role.API}")
    op.execute(f"grant select, update on sweep_watermark to {Role.FUNCTIONS}")
    op.create_table(
        "status_hints",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("status_hints_pkey")),
    )
    op.create_index(op.f("status_hints_due_at_idx"), "status_hints", ["due_at"])
    protect("status_hints", api="select, insert, update")
    open_to(Role.FUNCTIONS, "status_hints", grants="select, insert, update, delete")


def _functions() -> None:
    for statement in sql_file("devices/sql/status_types.1.sql").split(";\n"):
        if statement.strip():
            op.execute(statement)
    for name in MACHINE:
        create_plain_function(
            sql_file(f"devices/sql/{name}.1.sql"), executable_by=[Role.API, Role.FUNCTIONS]
        )
    create_plain_function(sql_file("sweep/sql/status_is_fresh.1.sql"), executable_by=[Role.API])
    for name in SWEEP:
        create_function(
            sql_file(f"sweep/sql/{name}.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.WORKER
        )
    for name in ("check_in_calm", "check_in_stepping", "check_in_lock", "check_in_careful"):
        create_function(
            sql_file(f"ingest/sql/{name}.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.INGEST
        )
    # The release before goes on calling these while an upgrade is under way.
    for name in ("check_in_group", "check_in_write"):
        op.execute(sql_file(f"ingest/sql/{name}.2.sql"))


def _fill() -> None:
    """What is known of the devices there are: when they enrolled and when they were last seen."""
    now = datetime.now(UTC)
    first, last = (now - timedelta(days=401)).date(), (now + timedelta(days=62)).date()
    op.execute(f"select keep_partitions('device_transitions', 'month', '{first}', '{last}')")
    op.execute(sa.text("update releases set applied_at = :now").bindparams(now=now))
    op.execute(
        "insert into organization_counters (msp_id, org_id) "
        "select msp_id, org_id from organizations"
    )
    op.execute(
        sa.text(
            r"""
        with walked as materialized (
            select d.msp_id, d.client_id, d.org_id, s.since, s.is_current,
                   status_walk(3\:\:smallint, s.since, s.is_current, null, a.ages,
                               array[d.last_seen], array[d.last_seen], s.is_current, a.ages,
                               'check-in', :now) as w
              from devices d
             cross join lateral (values (
                 is_current(d.channel, d.os, d.version_sort),
                 greatest(d.enrolled_at, :oldest))) as s (is_current, since)
             cross join lateral (values (array[300, 3600, 86400])) as a (ages)
        ), enrolled as (
            insert into device_transitions
                   (msp_id, client_id, at, org_id, state_before, state_after, cause)
            select w.msp_id, w.client_id, w.since, w.org_id, null,
                   status_state(3\:\:smallint, w.is_current), 'enrolled'
              from walked w
        ), stepped as (
            insert into device_transitions
                   (msp_id, client_id, at, org_id, state_before, state_after, cause)
            select w.msp_id, w.client_id, s.at, w.org_id, s.before, s.after, s.cause
              from walked w,
                   unnest((w.w).at, (w.w).states_before, (w.w).states_after, (w.w).causes)
                   as s (at, before, after, cause)
        )
        update devices d
           set stage = (w.w).stage, stage_since = (w.w).since, is_current = w.is_current
          from walked w
         where d.msp_id = w.msp_id and d.client_id = w.client_id
        """
        ).bindparams(now=now, oldest=now - timedelta(days=399))
    )
    counts = ", ".join(
        f"count(*) filter (where d.state = {n}) as {name}" for n, name in enumerate(COUNTS)
    )
    op.execute(
        f"""
        update organization_counters k
           set {", ".join(f"{name} = c.{name}" for name in COUNTS)}
          from (select d.msp_id, d.org_id, {counts}
                  from (select e.msp_id, e.org_id, status_state(e.stage, e.is_current) as state
                          from devices e) d
                 group by d.msp_id, d.org_id) c
         where k.msp_id = c.msp_id and k.org_id = c.org_id
        """
    )
    # After the rows are filled: one pass, not one write a row.
    op.create_index(
        op.f("devices_msp_id_health_client_id_idx"), "devices", ["msp_id", "health", "client_id"]
    )
    op.create_index(
        op.f("devices_msp_id_org_id_health_client_id_idx"),
        "devices",
        ["msp_id", "org_id", "health", "client_id"],
    )
