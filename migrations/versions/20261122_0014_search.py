"""Searching and sorting a fleet of a million: trigrams of what is searched, and silent devices."""

import sqlalchemy as sa
from alembic import op

from partner_api.database.roles import Role
from partner_api.database.sources import sql_file
from partner_api.tenancy.rls import create_function, create_plain_function, open_to, protect

revision = "0014_search"
down_revision = "0013_status"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Two thirds of the time go by before devices are locked: filling and indexing their texts.
    _texts()
    _columns()
    _catch_up()
    _functions()


def _texts() -> None:
    op.create_table(
        "device_texts",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("device_texts_pkey")),
    )
    for name in ("search_text", "device_trigrams", "keep_texts"):
        create_plain_function(
            sql_file(f"devices/sql/{name}.1.sql"), executable_by=[Role.API, Role.FUNCTIONS]
        )
    op.execute(
        "insert into device_texts (msp_id, client_id, text) "
        "select msp_id, client_id, search_text(asset_id, serial_number, user_name, user_email) "
        "from devices"
    )
    op.create_index(
        op.f("device_texts_device_trigrams_idx"),
        "device_texts",
        [sa.text("device_trigrams(msp_id, text)")],
        postgresql_using="gin",
        # New entries gather in a list, and whoever fills it sorts them in: some 30 ms at this size.
        # Four times the size holds a check-in up for 80 ms; without a list a text costs fivefold.
        postgresql_with={"gin_pending_list_limit": 1024},
    )


def _columns() -> None:
    op.add_column(
        "devices",
        sa.Column(
            "quiet_since",
            sa.DateTime(timezone=True),
            sa.Computed(
                "case when stage >= 2 then coalesce(last_seen, '-infinity'::timestamptz) end",
                persisted=True,
            ),
            nullable=True,
        ),
    )
    op.create_index(
        op.f("devices_msp_id_quiet_since_client_id_idx"),
        "devices",
        ["msp_id", "quiet_since", "client_id"],
        postgresql_where=sa.text("quiet_since is not null"),
    )
    op.create_index(
        op.f("devices_msp_id_connection_health_client_id_idx"),
        "devices",
        ["msp_id", sa.text("least(stage, 2)"), "health", "client_id"],
    )


def _catch_up() -> None:
    """What became of devices while their texts were indexed; nobody writes them any more."""
    op.execute(
        "delete from device_texts t where not exists (select from devices d "
        "where d.msp_id = t.msp_id and d.client_id = t.client_id)"
    )
    op.execute(
        "insert into device_texts (msp_id, client_id, text) "
        "select d.msp_id, d.client_id, s.text from devices d cross join lateral (values ("
        "search_text(d.asset_id, d.serial_number, d.user_name, d.user_email))) as s (text) "
        "where not exists (select from device_texts t where t.msp_id = d.msp_id "
        "and t.client_id = d.client_id and t.text = s.text) "
        "on conflict (msp_id, client_id) do update set text = excluded.text"
    )
    op.create_foreign_key(
        op.f("device_texts_msp_id_client_id_fkey"),
        "device_texts",
        "devices",
        ["msp_id", "client_id"],
        ["msp_id", "client_id"],
        ondelete="CASCADE",
    )
    protect("device_texts", api="select, insert, update")
    open_to(Role.FUNCTIONS, "device_texts", grants="select, insert, update")
    # Not while there is nothing: connections would remember plans for empty tables.
    if op.get_bind().scalar(sa.text("select exists (select from devices)")):
        op.execute("analyze device_texts")
        op.execute("analyze devices")


def _functions() -> None:
    create_function(
        sql_file("fleet/sql/matching_devices.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.API
    )
    create_function(
        sql_file("sweep/sql/mend_texts.1.sql"), owner=Role.FUNCTIONS, executable_by=Role.WORKER
    )
    # The release before calls these too, so that what it writes is found. It goes on searching with
    # search_devices, which reads the devices themselves.
    for name in ("devices/sql/record_enrolled", "devices/sql/adjust_devices"):
        op.execute(sql_file(f"{name}.2.sql"))
    op.execute(sql_file("ingest/sql/check_in_careful.2.sql"))
