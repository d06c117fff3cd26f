"""The sweep beside a check-in that has not been committed yet."""

import asyncio

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.kernel.ids import parse_client_id
from tests.clock import StoppedClock
from tests.factories.tenants import Agent
from tests.machine.support import history, stored
from tests.worker import Worker

_STEPPING = "select * from check_in_stepping($1, $2, $3, $4, $5, $6, $7)"


async def test_a_device_that_just_checked_in_is_not_moved_by_what_was_seen_before(
    agent: Agent,
    worker: Worker,
    owner: AsyncEngine,
    databases: Databases,
    clock: StoppedClock,
) -> None:
    await agent.check_in()
    before = await stored(owner, agent)
    now = clock.advance(seconds=301)
    ingest = await asyncpg.connect(databases.ingest, server_settings=PLAN_SETTINGS)
    async with ingest.transaction():
        written = await ingest.fetch(
            _STEPPING,
            [agent.tenant.msp_id],
            [parse_client_id(agent.client_id)],
            [before["token_hash"]],
            [now],
            [None],
            [before["facts_digest"]],
            now,
        )
        assert len(written) == 1
        sweeping = asyncio.create_task(worker.work())
        await _until_somebody_waits(databases, ingest)
    await sweeping
    await ingest.close()

    after = await stored(owner, agent)
    assert (after["stage"], after["last_seen"]) == (0, now)
    steps = await history(owner, agent)
    assert [step.cause for step in steps][-2:] == ["threshold", "check-in"]
    assert (steps[-2].at - before["last_seen"]).total_seconds() == 300
    assert steps[-1].at == now == after["stage_since"]


async def _until_somebody_waits(databases: Databases, holder: asyncpg.Connection) -> None:
    # By a connection of its own: within a transaction the list of connections stands still.
    watcher = await asyncpg.connect(databases.worker)
    async with asyncio.timeout(5):
        # Only the database knows who waits for whom.
        while not await watcher.fetchval(_WAITED_FOR, holder.get_server_pid()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await watcher.close()


_WAITED_FOR = """
    select exists (select from pg_stat_activity a where $1 = any (pg_blocking_pids(a.pid)))"""
