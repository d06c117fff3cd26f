"""Several workers, devices and integrators at once: nobody waits for ever, nothing counts twice."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.database.pools import create_pool
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.sweep.followers import Followers
from partner_api.sweep.sweeper import Sweeper
from tests.clock import StoppedClock
from tests.machine.drama import Act, Drama, Parts, begin
from tests.machine.facts import assert_history_holds, assert_recorded, assert_told
from tests.machine.support import uuid_of

DEVICES, ROUNDS = 12, 4


@asynccontextmanager
async def workers(databases: Databases, count: int) -> AsyncIterator[list[asyncpg.Pool]]:
    """Pools of as many worker processes."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                await create_pool(databases.worker, size=2, settings=PLAN_SETTINGS)
            )
            for _ in range(count)
        ]


async def work(pool: asyncpg.Pool, clock: StoppedClock) -> None:
    """A worker that believes to lead, whoever else does."""
    async with pool.acquire() as connection:
        sweeper = Sweeper(connection, clock)
        await sweeper.sweep()
        await Followers(pool, clock).work()
        await sweeper.sweep()


def crowd(drama: Drama, rng: random.Random) -> list[Act]:
    """One thing for each device, and settings that concern them all."""
    names = ["delete", "move", "move", "move", "move", "edit", "edit"]
    chosen = rng.sample(sorted(drama.oracle.devices), len(drama.oracle.devices))
    acts = [
        Act(
            names[place] if place < len(names) else "check_in",
            rng.randrange(30),
            0,
            (rng.choice([0, 0, 90, 400, 5000]),),
            client_id=client_id,
        )
        for place, client_id in enumerate(chosen)
    ]
    return [*acts, Act("settings", rng.randrange(6), 0)]


@pytest.mark.parametrize("seed", range(2))
async def test_two_workers_among_devices_and_integrators(parts: Parts, seed: int) -> None:
    rng = random.Random(seed)
    drama = await begin(parts)
    for number in range(DEVICES):
        await drama.play(Act("enroll", 1 + 3 * number, 0))
        await drama.play(Act("check_in", 2 * number, 0))
    async with workers(parts.databases, 2) as pools:
        for _ in range(ROUNDS):
            await drama.play(Act("release", 0, rng.choice([1, 301, 3601, 90_000])))
            async with asyncio.timeout(20), asyncio.TaskGroup() as together:
                for pool in pools:
                    together.create_task(work(pool, parts.clock))
                    together.create_task(_count_anew(pool, drama))
                for act in crowd(drama, rng):
                    together.create_task(drama.play(act))
            await assert_told(drama)
            await parts.worker.work()
            await assert_recorded(drama)
            await assert_history_holds(drama)


async def _count_anew(pool: asyncpg.Pool, drama: Drama) -> None:
    """What is counted anew under load was right."""
    for _ in range(5):
        for org_id in drama.org_ids:
            key = (drama.tenant.msp_id, uuid_of(org_id))
            assert await pool.fetchval("select recount($1, $2)", *key) is False


async def test_another_worker_leads_once_the_leader_died(
    databases: Databases, clock: StoppedClock
) -> None:
    async with (
        workers(databases, 2) as (one, other),
        one.acquire() as leading,
        other.acquire() as waiting,
    ):
        assert await Sweeper(leading, clock).lead()
        assert not await Sweeper(waiting, clock).lead()
        # A login may end its own connections. Returns when the process is gone.
        leader = leading.get_server_pid()
        assert await other.fetchval("select pg_terminate_backend($1, 5000)", leader)
        assert await Sweeper(waiting, clock).lead()
