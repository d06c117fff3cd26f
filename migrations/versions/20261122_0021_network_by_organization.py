"""Devices' networks are found by organization only by who asks for one."""

from alembic import op

revision = "0021_network_by_organization"
down_revision = "0020_numbering"
branch_labels = None
depends_on = None

BEFORE = "network_live_msp_id_org_id_client_id_idx"
INDEX = "network_live_of_organization_idx"


def upgrade() -> None:
    # While devices check in; what a run that was killed left undone is done again.
    with op.get_context().autocommit_block():
        # Nobody waits for this, and it waits for whatever began before it.
        op.execute("set lock_timeout = '1min'")
        op.execute(f"drop index concurrently if exists {INDEX}")
        op.execute(
            f"create index concurrently {INDEX} on network_live (msp_id, org_id, client_id)"
            " where org_id is not null"
        )
        op.execute(f"drop index concurrently if exists {BEFORE}")
        op.execute("set lock_timeout = '2s'")
