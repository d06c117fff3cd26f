"""Streams of events."""

import asyncio
from datetime import timedelta

import pytest

from partner_api.events import feed
from partner_api.surfaces.partner import event_following
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.events.log import Log, follow, last_id
from tests.events.streams import Streams
from tests.factories.tenants import Tenant


async def test_a_stream_tells_what_happens_from_now_on(
    tenant: Tenant, other_tenant: Tenant, log: Log, streams: Streams
) -> None:
    await log.add(tenant, "device.online")
    async with streams.open(tenant) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        await log.add(other_tenant, "device.deleted")
        await log.add(tenant, "device.offline", "device.online")
        told = [await stream.next() for _ in range(2)]
    assert [event["event"] for event in told] == ["device.offline", "device.online"]
    listed = (await follow(tenant, None))[-2:]
    assert [event["data"] for event in told] == listed
    assert [event["id"] for event in told] == [event["id"] for event in listed]


async def test_a_stream_goes_on_where_another_ended(
    tenant: Tenant, log: Log, streams: Streams
) -> None:
    await log.add(tenant, "device.online")
    start = await last_id(tenant)
    await log.add(tenant, *["device.offline", "device.online"] * 3)
    async with streams.open(tenant, after=start) as stream:
        told = [await stream.next() for _ in range(3)]
    # Browsers come back to the same address, with what they saw last.
    async with streams.open(tenant, told[-1]["id"], after=start) as stream:
        told += [await stream.next() for _ in range(3)]
    assert [event["data"] for event in told] == await follow(tenant, start)


async def test_a_stream_is_filtered_as_the_list_is(
    tenant: Tenant, log: Log, streams: Streams
) -> None:
    await log.add(tenant, "device.online")
    start = await last_id(tenant)
    await log.add(tenant, "device.online", "device.deleted", "device.offline")
    types = ["device.deleted,org.deleted", "device.enrolled"]
    async with streams.open(tenant, after=start, types=types) as stream:
        assert (await stream.next())["event"] == "device.deleted"
        await log.add(tenant, "device.online", "device.deleted")
        assert (await stream.next())["event"] == "device.deleted"


async def test_a_long_backlog_comes_whole(
    tenant: Tenant, log: Log, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_following, "_AT_ONCE", 2)
    await log.add(tenant, "device.online")
    start = await last_id(tenant)
    await log.add(tenant, *["device.online"] * 7)
    async with streams.open(tenant, after=start) as stream:
        told = [(await stream.next())["id"] for _ in range(7)]
    assert told == [event["id"] for event in await follow(tenant, start)]


async def test_a_silent_stream_shows_that_it_is_there(
    tenant: Tenant, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_following, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(event_following, "_CHECK_SECONDS", 0.02)
    async with streams.open(tenant) as stream:
        assert [await stream.block() for _ in range(3)] == [": still here"] * 3


async def test_a_stream_ends_when_its_token_expires(
    tenant: Tenant,
    streams: Streams,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_following, "_CHECK_SECONDS", 0.02)
    async with streams.open(tenant) as stream:
        await asyncio.sleep(0.1)
        assert stream.messages.qsize() == 1
        clock.advance(hours=1)
        assert await stream.end() == ": still here\n\n"


async def test_a_disabled_credential_hears_no_more(
    tenant: Tenant,
    log: Log,
    streams: Streams,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_following, "_CHECK_SECONDS", 0.02)
    async with streams.open(tenant) as stream:
        await asyncio.sleep(0.1)
        await log.writing.execute(
            "update credentials set enabled = false where msp_id = $1", tenant.msp_id
        )
        services.liveness._known.clear()
        await log.add(tenant, "device.online")
        assert await stream.end() == ": still here\n\n"


async def test_a_client_that_leaves_frees_its_place(
    tenant: Tenant, streams: Streams, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WAITERS_EACH", 1)
    async with streams.open(tenant):
        async with streams.open(tenant) as refused:
            assert refused.status == 429
        assert tenant.msp_id in services.feed._waiters
    assert tenant.msp_id not in services.feed._waiters


async def test_who_asks_for_the_head_alone_gets_no_stream(
    tenant: Tenant, streams: Streams, services: Services
) -> None:
    async with streams.open(tenant, method="HEAD") as stream:
        assert stream.status == 200
        assert await stream.end() == ""
        assert stream.messages.empty()
    assert tenant.msp_id not in services.feed._waiters


@pytest.mark.parametrize(
    ("last_event_id", "query"),
    [("evt_1", {}), ("", {}), (None, {"after": "x"}), (None, {"types": "device.sold"})],
)
async def test_a_stream_that_cannot_begin_is_refused(
    tenant: Tenant, streams: Streams, last_event_id: str | None, query: dict[str, str]
) -> None:
    async with streams.open(tenant, last_event_id, **query) as stream:
        assert stream.status == 400


async def test_check_ins_are_recorded_while_somebody_asks_for_them(
    tenant: Tenant, other_tenant: Tenant, log: Log, streams: Streams, clock: StoppedClock
) -> None:
    async def until() -> object:
        return await log.writing.fetchval(
            "select until from event_interests where msp_id = $1", tenant.msp_id
        )

    await tenant.get("/v1/events")
    assert await until() is None
    agent = await tenant.enroll(await tenant.create_organization())
    await tenant.get("/v1/events?types=device.checkin&limit=1")
    asked_at = clock.now()
    first = await until()
    assert first is not None
    assert first >= asked_at + timedelta(minutes=30)  # type: ignore[operator]
    clock.advance(minutes=4)
    await tenant.get("/v1/events?types=device.checkin&limit=1")
    assert await until() == first
    async with streams.open(tenant, types="device.online,device.checkin") as stream:
        clock.advance(minutes=4)
        await agent.check_in()
        await log.number()
        told = {(await stream.next())["event"] for _ in range(2)}
        assert "device.checkin" in told
    assert await until() >= clock.now() + timedelta(minutes=30)  # type: ignore[operator]
    others = "select count(*) from event_interests where msp_id = $1"
    assert await log.writing.fetchval(others, other_tenant.msp_id) == 0
