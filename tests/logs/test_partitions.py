"""Log partitions: made ahead, dropped by day, and nobody's to touch."""

import asyncio
from datetime import date, datetime, timedelta

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.database.partitions import maintain_partitions
from tests.clock import StoppedClock
from tests.factories.tenants import Agent
from tests.logs.test_logs import line, read, take, texts

_DAYS = """
    select c.relname, pg_get_expr(c.relpartbound, c.oid) as bound
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'logs'::regclass order by c.relname"""


async def days(connection: asyncpg.Connection) -> list[str]:
    return [row["relname"] for row in await connection.fetch(_DAYS)]


def expected(now: datetime) -> list[str]:
    return [f"logs_{now.date() + timedelta(days=day):%Y%m%d}" for day in range(-31, 8)]


async def test_there_are_31_days_back_and_7_ahead(
    maintainer: asyncpg.Connection, clock: StoppedClock
) -> None:
    assert await days(maintainer) == expected(clock.now())
    for later in (1, 3, 40):
        clock.reset()
        await maintain_partitions(maintainer, clock.advance(days=later))
        assert await days(maintainer) == expected(clock.now())


async def test_maintaining_twice_changes_nothing(
    maintainer: asyncpg.Connection, databases: Databases, clock: StoppedClock
) -> None:
    before = await maintainer.fetch(_DAYS)
    await maintain_partitions(maintainer, clock.now())
    assert await maintainer.fetch(_DAYS) == before
    second = await asyncpg.connect(databases.worker)
    clock.advance(days=2)
    await asyncio.gather(
        maintain_partitions(maintainer, clock.now()), maintain_partitions(second, clock.now())
    )
    await second.close()
    assert await days(maintainer) == expected(clock.now())


async def test_a_day_begins_at_midnight_utc_wherever_the_session_is(
    maintainer: asyncpg.Connection, clock: StoppedClock
) -> None:
    await maintainer.execute("set timezone = 'Asia/Tokyo'")
    await maintain_partitions(maintainer, clock.advance(days=3))
    await maintainer.execute("set timezone = 'UTC'")
    for row in await maintainer.fetch(_DAYS):
        day = date.fromisoformat(row["relname"].removeprefix("logs_"))
        first, last = f"{day} 00:00:00+00", f"{day + timedelta(days=1)} 00:00:00+00"
        assert row["bound"] == f"FOR VALUES FROM ('{first}') TO ('{last}')"


async def test_the_logs_of_an_old_day_vanish_with_it(
    maintainer: asyncpg.Connection, agent: Agent, clock: StoppedClock
) -> None:
    now = clock.now()
    midnight = now.replace(hour=0, minute=0, second=0)
    oldest = now - timedelta(days=30)
    await take(agent, line("old", at=oldest), line("young", at=midnight), line("new"))
    await maintain_partitions(maintainer, now + timedelta(days=1))
    assert set(texts(await read(agent))) == {"old", "young", "new"}
    await maintain_partitions(maintainer, now + timedelta(days=2))
    assert set(texts(await read(agent))) == {"young", "new"}
    await maintain_partitions(maintainer, now + timedelta(days=31))
    assert set(texts(await read(agent))) == {"young", "new"}
    await maintain_partitions(maintainer, now + timedelta(days=32))
    assert await read(agent) == []


async def test_a_server_without_a_worker_takes_logs_for_a_week(
    agent: Agent, clock: StoppedClock
) -> None:
    clock.advance(days=7)
    agent.tenant.token = (await agent.tenant.request_token()).json()["access_token"]
    await take(agent, line("a week later"))
    assert texts(await read(agent)) == ["a week later"]


async def test_new_partitions_are_as_closed_as_old_ones(
    maintainer: asyncpg.Connection, databases: Databases, clock: StoppedClock
) -> None:
    await maintain_partitions(maintainer, clock.advance(days=5))
    for url in (databases.api, databases.ingest, databases.worker):
        connection = await asyncpg.connect(url)
        for name in (await days(maintainer))[-2:]:
            for statement in (
                f"select from {name}",
                f"insert into {name} default values",
                f"delete from {name}",
                f"truncate {name}",
                f"drop table {name}",
                f"alter table logs detach partition {name}",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        await connection.close()
