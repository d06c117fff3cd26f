"""Revisions that devices' check-ins do not wait for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from alembic import command

from partner_api.config import Databases
from partner_api.database.alembic_commands import config
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.migrations import upgrade
from partner_api.database.revisions import applied_revision, newest_revision
from partner_api.database.roles import ensure_roles
from tests.conftest import passable_folder

_STEP = """
    insert into device_transitions (msp_id, client_id, at, org_id, cause, state_after)
    values ($1, $2, $3, $2, 'check-in', 1)"""
_WAITS = """
    select exists (select from pg_stat_activity
                    where query like '% index concurrently %' and wait_event_type = 'Lock'
                      and pid <> pg_backend_pid())"""
_INDEXES = """
    select p.relname, pg_relation_size(p.oid) > 0, array_agg(x.indisvalid)
      from pg_inherits h
      join pg_class p on p.oid = h.inhrelid
      join pg_index x on x.indrelid = p.oid
     where h.inhparent = 'device_transitions'::regclass
       and pg_get_indexdef(x.indexrelid) like '%(msp_id, at) INCLUDE (state_before, state_after)'
     group by 1, 2"""


@pytest.fixture
async def databases() -> AsyncIterator[Databases]:
    """The release before, with steps in two partitions."""
    with passable_folder() as folder, EmbeddedCluster(folder / "data").join() as databases:
        url, now = databases.require_owner(), datetime.now(UTC)
        owner = await asyncpg.connect(url)
        await ensure_roles(owner)
        await asyncio.to_thread(command.upgrade, config(url), "0017_webhooks")
        for at in (now, now - timedelta(days=40)):
            await owner.execute(_STEP, uuid4(), uuid4(), at)
        await owner.close()
        yield databases


async def test_check_ins_go_on_while_their_history_gets_an_index(databases: Databases) -> None:
    url, now = databases.require_owner(), datetime.now(UTC)
    owner, slow = await asyncpg.connect(url), await asyncpg.connect(url)
    await owner.execute("set lock_timeout = '200ms'")
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(_STEP, uuid4(), uuid4(), now)
    # As a run that was killed leaves one.
    partition = f"device_transitions_{now:%Y%m}"
    with pytest.raises(asyncpg.LockNotAvailableError):
        await owner.execute(
            f"create index concurrently {partition}_msp_id_at_idx on {partition} (msp_id, at)"
        )
    upgrades = [asyncio.create_task(upgrade(databases, now)) for _ in range(2)]
    async with asyncio.timeout(20):
        while not await owner.fetchval(_WAITS):  # noqa: ASYNC110 - it is the database that tells
            await asyncio.sleep(0.05)
    # Longer than any other lock is waited for.
    await asyncio.sleep(2.5)
    assert await applied_revision(owner) == "0018_samples"
    for table in ("devices", "organizations"):
        async with owner.transaction():
            await owner.execute(f"lock table {table} in row exclusive mode")
    await owner.execute(_STEP, uuid4(), uuid4(), now)
    await transaction.commit()
    async with asyncio.timeout(20):
        await asyncio.gather(*upgrades)
    assert await applied_revision(owner) == newest_revision()
    rows = await owner.fetch(_INDEXES)
    assert [valid for _, _, valid in rows] == [[True]] * len(rows)
    assert sum(is_filled for _, is_filled, _ in rows) == 2
    assert len(rows) == await owner.fetchval(
        "select count(*) from pg_inherits where inhparent = 'device_transitions'::regclass"
    )
    for each in (owner, slow):
        await each.close()
