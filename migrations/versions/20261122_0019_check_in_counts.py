"""Check-ins counted by organization and minute, and steps to be counted by moment."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function, create_plain_function, open_to, protect

revision = "0019_check_in_counts"
down_revision = "0018_samples"
branch_labels = None
depends_on = None

REPLACED = ("check_in_calm.3", "check_in_stepping.3", "check_in_folded.2", "check_in_relayed.3")


COLUMNS = "(msp_id, at) include (state_before, state_after)"
FILLED = """
    select p.relname, i.relname
      from pg_inherits h
      join pg_class p on p.oid = h.inhrelid
      left join pg_class i on i.relnamespace = p.relnamespace
           and i.relname = p.relname || '_msp_id_at_idx'
      left join pg_index x on x.indexrelid = i.oid
     where h.inhparent = 'device_transitions'::regclass and pg_relation_size(p.oid) > 0
       and x.indisvalid is not true
     order by p.relname"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        _index_partitions()
    _tallies()
    _counts()
    for name in ("minute_counts", "add_counts", "tally_check_ins"):
        create_plain_function(
            sql_file(f"telemetry/sql/{name}.1.sql"), executable_by=[Role.FUNCTIONS]
        )
    for file in REPLACED:
        op.execute(sql_file(f"ingest/sql/{file}.sql"))
    for name in ("waiting_tallies", "count_check_ins"):
        create_function(
            sql_file(f"telemetry/sql/{name}.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.WORKER
        )

    # The last step, which check-ins wait for: each partition that is filled has its index already.
    op.create_index(
        op.f("device_transitions_msp_id_at_idx"),
        "device_transitions",
        ["msp_id", "at"],
        postgresql_include=["state_before", "state_after"],
    )


def _index_partitions() -> None:
    """While devices check in; what a run that was killed left undone is done again."""
    # Nobody waits for this, and it waits for whatever began before it.
    op.execute("set lock_timeout = '1min'")
    for partition, unfinished in op.get_bind().exec_driver_sql(FILLED).all():
        if unfinished is not None:
            op.execute(f"drop index concurrently {unfinished}")
        op.execute(f"create index concurrently {partition}_msp_id_at_idx on {partition} {COLUMNS}")
    op.execute("set lock_timeout = '2s'")


def _tallies() -> None:
    op.create_table(
        "check_in_tallies",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("moments", sa.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.PrimaryKeyConstraint(
            "msp_id", "enrollment_id", "seen_at", name=op.f("check_in_tallies_pkey")
        ),
        # Read once and gone: as long as a row fits on a page, compressing it is wasted.
        postgresql_with={"toast_tuple_target": 8160},
    )
    protect("check_in_tallies", api="select")
    open_to(Role.FUNCTIONS, "check_in_tallies", grants="select, insert, update, delete")


def _counts() -> None:
    op.create_table(
        "check_in_counts",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts", sa.ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "org_id", "hour", name=op.f("check_in_counts_pkey")),
        postgresql_partition_by="RANGE (hour)",
    )
    protect("check_in_counts", api="select")
    open_to(Role.FUNCTIONS, "check_in_counts", grants="select, insert, update")
    op.execute(f"alter table check_in_counts owner to {Role.PARTITIONS}")
    now = datetime.now(UTC)
    first, last = (now - timedelta(days=401)).date(), (now + timedelta(days=62)).date()
    op.execute(f"select keep_partitions('check_in_counts', 'month', '{first}', '{last}')")
