"""What waits while a statement is in flight."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.database.pools import create_pool
from partner_api.ingest import groups
from partner_api.ingest.groups import Bounds, GroupWriter
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.ids import parse_org_id
from partner_api.tenancy.grouping import EVERY_TENANT, ONE_TENANT, Grouping
from tests.factories.tenants import Tenant

Item = tuple[bytes, bytes]


class Recorder:
    """A write that takes its time and notes what it was given."""

    def __init__(self) -> None:
        self.written: list[Sequence[Item]] = []
        self.began, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, _connection: Any, items: Sequence[Item]) -> Sequence[Item]:
        self.began.set()
        await self.go.wait()
        self.written.append(items)
        return items


async def writer_of(
    pool: asyncpg.Pool, largest: int, waiting: int = 1000, grouping: Grouping = EVERY_TENANT
) -> tuple[GroupWriter[Item, Item], Recorder]:
    recorder = Recorder()
    bounds = Bounds[Item](lambda _: 1, largest, waiting)
    writer: GroupWriter[Item, Item] = GroupWriter(
        "test", pool, recorder, lambda item: item, bounds, grouping
    )
    writer.start()
    return writer, recorder


async def test_a_group_is_sorted_has_each_key_once_and_tenants_take_turns(
    databases: Databases,
) -> None:
    async with await create_pool(databases.ingest, size=1) as pool:
        writer, recorder = await writer_of(pool, largest=4)
        first = asyncio.create_task(writer.submit((b"a", b"0")))
        await recorder.began.wait()
        flood = [asyncio.create_task(writer.submit((b"a", bytes([n])))) for n in range(20)]
        same = asyncio.create_task(writer.submit((b"a", b"\0")))
        quiet = [asyncio.create_task(writer.submit((b"b", bytes([n])))) for n in (2, 1)]
        await asyncio.sleep(0)
        recorder.go.set()
        await asyncio.gather(first, same, *flood, *quiet)
        await writer.stop()
    assert recorder.written[1] == [(b"a", b"\0"), (b"a", b"\x01"), (b"b", b"\x01"), (b"b", b"\x02")]
    for group in recorder.written:
        assert list(group) == sorted(set(group))


async def test_a_group_of_one_tenant_is_a_turn(databases: Databases) -> None:
    async with await create_pool(databases.ingest, size=1) as pool:
        writer, recorder = await writer_of(pool, largest=4, grouping=ONE_TENANT)
        first = asyncio.create_task(writer.submit((b"a", b"0")))
        await recorder.began.wait()
        flood = [asyncio.create_task(writer.submit((b"a", bytes([n])))) for n in range(6)]
        same = asyncio.create_task(writer.submit((b"a", b"\0")))
        quiet = [asyncio.create_task(writer.submit((b"b", bytes([n])))) for n in (2, 1)]
        await asyncio.sleep(0)
        recorder.go.set()
        await asyncio.gather(first, same, *flood, *quiet)
        await writer.stop()
    sizes = [(len(group), {key[0] for key in group}) for group in recorder.written[1:]]
    assert sizes == [(4, {b"a"}), (2, {b"b"}), (3, {b"a"})]


@pytest.mark.parametrize(("before", "together"), [(32, True), (8, False)])
async def test_who_comes_a_moment_after_a_large_group_shares_a_statement(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, before: int, together: bool
) -> None:
    monkeypatch.setattr(groups, "_GATHERING_SECONDS", (0.1,))
    monkeypatch.setattr(groups, "_JUST_NOW_SECONDS", 60.0)
    async with await create_pool(databases.ingest, size=1) as pool:
        writer, recorder = await writer_of(pool, largest=100)
        recorder.go.set()
        await writer.submit_all([(b"a", bytes([n])) for n in range(before)])
        first = asyncio.create_task(writer.submit((b"a", b"0")))
        for _ in range(4):
            await asyncio.sleep(0)
        second = asyncio.create_task(writer.submit((b"a", b"1")))
        await asyncio.gather(first, second)
        await writer.stop()
    assert [len(group) for group in recorder.written] == [before, *([2] if together else [1, 1])]


async def test_enough_of_those_who_came_just_now_wait_for_nobody(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_GATHERING_SECONDS", (60.0,))
    monkeypatch.setattr(groups, "_JUST_NOW_SECONDS", 60.0)
    async with await create_pool(databases.ingest, size=1) as pool:
        writer, recorder = await writer_of(pool, largest=100)
        recorder.go.set()
        await writer.submit_all([(b"a", bytes([n])) for n in range(32)])
        enough = [(b"a", bytes([n])) for n in range(15)]
        await asyncio.wait_for(writer.submit_all(enough), 10)
        await writer.stop()
    assert [len(group) for group in recorder.written] == [32, 15]


async def test_a_request_after_a_pause_is_written_at_once(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_GATHERING_SECONDS", (60.0,))
    async with await create_pool(databases.ingest, size=1) as pool:
        writer, recorder = await writer_of(pool, largest=100)
        recorder.go.set()
        await writer.submit_all([(b"a", bytes([n])) for n in range(32)])
        await asyncio.sleep(0.02)
        await asyncio.wait_for(writer.submit((b"a", b"0")), 10)
        await writer.stop()
    assert [len(group) for group in recorder.written] == [32, 1]


async def test_each_lane_writes_a_group_of_its_own_and_all_end_in_the_end(
    databases: Databases,
) -> None:
    running, most = 0, 0
    both, go = asyncio.Event(), asyncio.Event()

    async def write(_connection: Any, items: Sequence[Item]) -> Sequence[Item]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            both.set()
        await go.wait()
        running -= 1
        return items

    async with await create_pool(databases.ingest, size=3) as pool:
        bounds = Bounds[Item](lambda _: 1, group=1, waiting=1000)
        writer: GroupWriter[Item, Item] = GroupWriter(
            "test", pool, write, lambda item: item, bounds, lanes=2
        )
        writer.start()
        items = [(b"a", bytes([n])) for n in range(6)]
        waiting = asyncio.create_task(writer.submit_all(items))
        await asyncio.wait_for(both.wait(), 10)
        stopping = asyncio.create_task(writer.stop())
        go.set()
        assert await waiting == items
        await stopping
    assert most == 2


async def test_a_flooding_tenant_is_sent_away_and_others_are_not(
    databases: Databases,
) -> None:
    async with await create_pool(databases.ingest, size=1) as pool:
        writer, recorder = await writer_of(pool, largest=1, waiting=12)
        taken = [asyncio.create_task(writer.submit((b"a", b"in flight")))]
        await recorder.began.wait()
        taken += [asyncio.create_task(writer.submit((b"a", bytes([n])))) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await writer.submit((b"a", b"more"))
        assert refused.value.retry_after_seconds >= 2
        other = asyncio.create_task(writer.submit((b"b", b"")))
        await asyncio.sleep(0)
        recorder.go.set()
        await asyncio.gather(*taken, other)
        await writer.stop()


async def test_an_item_that_cannot_be_written_fails_alone(databases: Databases) -> None:
    async def write(_connection: Any, items: Sequence[Item]) -> Sequence[Item]:
        if (b"a", b"bad") in items:
            raise ValueError("this one cannot be written")
        return items

    async with await create_pool(databases.ingest, size=1) as pool:
        writer: GroupWriter[Item, Item] = GroupWriter(
            "test", pool, write, lambda item: item, Bounds(lambda _: 1, 100, 1000)
        )
        items = [(b"a", bytes([n])) for n in range(20)] + [(b"a", b"bad")]
        waiting = [asyncio.create_task(writer.submit(item)) for item in items]
        await asyncio.sleep(0)
        writer.start()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        await writer.stop()
    assert outcomes[:-1] == items[:-1]
    assert isinstance(outcomes[-1], ValueError)


async def test_check_ins_are_taken_beside_one_the_database_refuses(
    tenant: Tenant, owner: AsyncEngine
) -> None:
    broken, sound = [await tenant.create_organization(name) for name in ("Broken", "Sound")]
    agents = [await tenant.enroll(org_id) for org_id in (broken, *[sound] * 6)]
    async with owner.begin() as connection:
        await connection.execute(text(_REFUSE.format(parse_org_id(broken))))
    answers = await asyncio.gather(*(agent.post_check_in() for agent in agents))
    async with owner.begin() as connection:
        await connection.execute(text("alter table devices drop constraint refused"))
    assert [answer.status_code for answer in answers] == [500, *[200] * 6]
    assert (await agents[1].read())["connectionState"] == "streaming"
    assert "lastSeen" not in await agents[0].read()


_REFUSE = """
    alter table devices add constraint refused
    check (org_id <> '{}' or last_seen is null) not valid"""
