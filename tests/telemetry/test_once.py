"""Each sample counts once, whoever dies in the middle of it and whoever else is at it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest
from asyncpg.pool import PoolConnectionProxy

from partner_api.config import Databases
from partner_api.database.partitions import maintain_partitions
from partner_api.database.pools import DATABASE_AWAY
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.telemetry.digest import Digester
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.telemetry.drama import Drama

PLACES = 36
NETWORK = {"interface": "ethernet", "latencyMs": 20}


class Mortal(asyncpg.Connection):
    """Goes down at a place among its statements, before or after one of them."""

    end: Callable[[], Awaitable[None]]
    places_left = 0

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return await self._between(super().execute, args, kwargs)

    async def fetch(self, *args: Any, **kwargs: Any) -> Any:
        return await self._between(super().fetch, args, kwargs)

    async def _between(self, run: Callable[..., Awaitable[Any]], args: Any, kwargs: Any) -> Any:
        await self._place()
        answer = await run(*args, **kwargs)
        await self._place()
        return answer

    async def _place(self) -> None:
        self.places_left -= 1
        if self.places_left == 0:
            await self.end()


def digesting(connection: Mortal, clock: StoppedClock) -> Digester:
    # Whatever a pool lends has the same methods.
    return Digester(cast(PoolConnectionProxy, connection), clock)


async def connect(databases: Databases) -> Mortal:
    connection = await asyncpg.connect(
        databases.worker, connection_class=Mortal, server_settings=PLAN_SETTINGS
    )
    assert isinstance(connection, Mortal)
    return connection


async def test_a_worker_killed_before_and_after_each_statement_loses_and_doubles_nothing(
    drama: Drama, databases: Databases, clock: StoppedClock
) -> None:
    killer = await connect(databases)
    await drama.begin(3, 11)
    survived = 0
    for place in range(1, PLACES):
        await drama.speak()
        connection = await connect(databases)
        pid = connection.get_server_pid()
        connection.places_left = place

        async def end(pid: int = pid) -> None:
            await killer.execute("select pg_terminate_backend($1, 5000)", pid)

        connection.end = end
        with contextlib.suppress(*DATABASE_AWAY):
            await digesting(connection, clock).work()
        survived += connection.places_left > 0
        connection.terminate()
        await drama.digest()
        await drama.go_on()
    # It came to its end, and before that to each place.
    assert 0 < survived < PLACES / 2
    await drama.compare()
    await killer.close()


async def test_two_workers_at_once_count_each_sample_once(
    drama: Drama, databases: Databases, clock: StoppedClock
) -> None:
    await drama.begin(12, 12)
    both = [await connect(databases) for _ in range(2)]
    for _ in range(6):
        await drama.speak()
        await asyncio.gather(*(digesting(connection, clock).work() for connection in both))
        await drama.settle()
        await drama.go_on()
    await drama.compare()
    for connection in both:
        await connection.close()


async def test_one_worker_leads_until_its_connection_ends(
    databases: Databases, clock: StoppedClock
) -> None:
    first, second = [await connect(databases) for _ in range(2)]
    assert await digesting(first, clock).lead()
    assert not await digesting(second, clock).lead()
    await first.close()
    assert await digesting(second, clock).lead()
    await second.close()


_REFUSE = """
    create function refuse() returns trigger language plpgsql as $$
        begin raise data_exception; end $$;
    create trigger refuse before insert on network_live for each row
        when (new.client_id = '{}') execute function refuse()"""

_WAITING = "select cardinality(samples) from sample_inbox where msp_id = $1"


@pytest.fixture
async def neighbour(tenant: Tenant, agent: Agent) -> Agent:
    return await tenant.enroll(agent.org_id)


async def test_what_the_database_refuses_holds_up_no_other_device(
    agent: Agent, neighbour: Agent, databases: Databases, clock: StoppedClock
) -> None:
    owner = await asyncpg.connect(databases.require_owner())
    await owner.execute(_REFUSE.format(agent.client_id))
    try:
        both = [{"clientId": each.client_id, "network": NETWORK} for each in (agent, neighbour)]
        answer = await agent.tenant.post("/v1/check-ins", json={"checkIns": both})
        assert answer.json()["data"]["accepted"] == 2
        assert await owner.fetchval(_WAITING, agent.tenant.msp_id) == 2
        assert (await neighbour.read())["networkQuality"]["latencyMs"] == 20
        assert "networkQuality" not in await agent.read()
    finally:
        await owner.execute("drop trigger refuse on network_live; drop function refuse()")
        await owner.close()
    clock.advance(minutes=1)
    await agent.check_in(network=NETWORK)
    assert "networkQuality" in await agent.read()


async def test_what_lacks_a_partition_waits_until_it_is_there(
    agent: Agent, maintainer: asyncpg.Connection, clock: StoppedClock
) -> None:
    tomorrow = clock.now().date() + timedelta(days=1)
    await maintainer.execute(_KEEP_FROM, tomorrow)
    await agent.check_in(network=NETWORK)
    assert "networkQuality" not in await agent.read()
    await maintain_partitions(maintainer, clock.now())
    clock.advance(minutes=1)
    assert (await agent.read())["networkQuality"]["latencyMs"] == 20


_KEEP_FROM = "select keep_partitions('network_sketches', 'day', $1, $1)"
