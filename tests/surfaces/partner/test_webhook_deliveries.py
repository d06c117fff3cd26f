"""What became of deliveries, as integrators see it, and having them once more."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.surfaces.partner.hooks import create_webhook, read_webhook
from tests.webhooks.queue import LATER, Queue, Queued

DELIVERY_NOT_FOUND = {"error": "Not Found", "message": "Delivery not found"}
LONG_AGO = "2026-02-24T00:00:00Z"


async def list_deliveries(queue: Queue, **query: Any) -> dict[str, Any]:
    answer = await queue.tenant.get(f"{queue.path}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def redeliver(queue: Queue, position: int) -> httpx.Response:
    return await queue.tenant.post(f"{queue.path}/deliveries/dlv_{position:016}/redeliver")


async def replay(queue: Queue, **body: object) -> httpx.Response:
    return await queue.tenant.post(f"{queue.path}/replay", json=body)


async def test_deliveries_are_listed_newest_event_first(queue: Queue, clock: StoppedClock) -> None:
    device = uuid4()
    await queue.ended(1)
    await queue.failed_once(2, device)
    await queue.ended(3, is_delivered=False)
    await queue.failed_once(4, device, waits=True)
    await queue.failed_once(5, is_claimed=True)
    later = format_timestamp(clock.now() + LATER)

    def shown(position: int, status: str, answered: int, **more: str) -> dict[str, Any]:
        ids = {"id": f"dlv_{position:016}", "eventId": f"evt_{position:016}"}
        return {**ids, "status": status, "attempts": [queue.attempt(answered)], **more}

    pending = [
        shown(5, "pending", 503),
        shown(4, "pending", 503),
        shown(2, "pending", 503, nextAttemptAt=later),
    ]
    failed, delivered = shown(3, "failed", 503), shown(1, "delivered", 200)
    every = await list_deliveries(queue)
    assert every["data"] == [*pending[:2], failed, pending[2], delivered]
    assert every["meta"] == {"count": 5, "limit": 100}
    assert (await list_deliveries(queue, status="pending"))["data"] == pending
    assert (await list_deliveries(queue, status="failed"))["data"] == [failed]
    assert (await list_deliveries(queue, status="delivered"))["data"] == [delivered]


@pytest.mark.parametrize("status", [None, "pending", "delivered"])
async def test_pages_of_deliveries_join_without_gap_or_repetition(
    queue: Queue, status: str | None
) -> None:
    for position in range(1, 8):
        await (queue.failed_once if position % 2 else queue.ended)(position)
    query: dict[str, Any] = {"limit": 2} | ({"status": status} if status else {})
    path, found = f"{queue.path}/deliveries", []
    while path:
        answer = await queue.tenant.get(path, params=query)
        found += [row["id"] for row in answer.json()["data"]]
        cursor = answer.json()["meta"].get("nextCursor")
        assert ("next" in answer.links) == (cursor is not None)
        query["cursor"] = cursor
        path = path if cursor else ""
    wanted = [p for p in range(7, 0, -1) if status is None or (status == "pending") == p % 2]
    assert found == [f"dlv_{position:016}" for position in wanted]


async def test_a_cursor_belongs_to_its_list(queue: Queue) -> None:
    for position in (1, 2):
        await queue.ended(position)
    cursor = (await list_deliveries(queue, limit=1))["meta"]["nextCursor"]
    another = (await create_webhook(queue.tenant))["id"]
    for path, query in (
        (f"{queue.path}/deliveries", {"status": "failed"}),
        (f"/v1/webhooks/{another}/deliveries", {}),
    ):
        answer = await queue.tenant.get(path, params={"cursor": cursor, **query})
        assert (answer.status_code, answer.json()["message"][:6]) == (400, "cursor")


@pytest.mark.parametrize("query", ["status=lost", "status=", "limit=0", "limit=501", "cursor=x"])
async def test_a_wrong_parameter_is_refused_by_its_name(queue: Queue, query: str) -> None:
    answer = await queue.tenant.get(f"{queue.path}/deliveries?{query}")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(query.partition("=")[0])


# Once more.


async def test_a_delivery_that_waits_to_be_tried_again_is_due_at_once(
    queue: Queue, clock: StoppedClock
) -> None:
    await queue.failed_once(1)
    await queue.failed_once(2)
    answer = await redeliver(queue, 1)
    assert answer.status_code == 202
    (_, shown) = (await list_deliveries(queue))["data"]
    assert answer.json() == {"data": shown}
    assert shown["nextAttemptAt"] == format_timestamp(clock.now())
    assert await queue.rows() == {
        1: Queued(clock.now(), 0, 1),
        2: Queued(clock.now() + LATER, 0, 1),
    }


async def test_a_delivery_that_is_being_attempted_is_left_alone(queue: Queue) -> None:
    device = uuid4()
    await queue.failed_once(1, device, is_claimed=True)
    await queue.failed_once(2, device, waits=True)
    before = await queue.rows()
    for position in before:
        assert (await redeliver(queue, position)).status_code == 202
    assert await queue.rows() == before


@pytest.mark.parametrize("is_delivered", [True, False])
async def test_a_delivery_that_has_ended_is_queued_with_what_came_before(
    queue: Queue, clock: StoppedClock, is_delivered: bool
) -> None:
    await queue.ended(1, uuid4(), is_delivered=is_delivered)
    (before,) = (await list_deliveries(queue))["data"]
    answer = await redeliver(queue, 1)
    assert answer.status_code == 202
    now = format_timestamp(clock.now())
    pending = before | {"status": "pending", "nextAttemptAt": now}
    assert answer.json()["data"] == pending
    assert (await list_deliveries(queue))["data"] == [pending]
    assert await queue.rows() == {1: Queued(clock.now(), 0, 1)}
    assert await queue.fetch("webhook_deliveries") == []
    (row,) = await queue.fetch("webhook_outbox")
    assert row["kept_until"] == clock.now() + timedelta(days=30)
    assert row["client_id"] is not None


async def test_a_device_is_heard_of_in_order_also_once_more(
    queue: Queue, clock: StoppedClock
) -> None:
    device = uuid4()
    await queue.ended(1, device)
    await queue.ended(3, device)
    await queue.failed_once(2, device)
    await queue.failed_once(4, device, waits=True)
    await redeliver(queue, 3)
    due = {position: row.due_at for position, row in (await queue.rows()).items()}
    assert due == {2: clock.now() + LATER, 3: None, 4: None}
    await redeliver(queue, 1)
    due = {position: row.due_at for position, row in (await queue.rows()).items()}
    assert due == {1: clock.now(), 2: None, 3: None, 4: None}


async def test_devices_do_not_wait_for_one_another(queue: Queue, clock: StoppedClock) -> None:
    await queue.failed_once(1, uuid4())
    await queue.failed_once(2)
    await queue.ended(3, uuid4())
    await queue.ended(4)
    await queue.failed_once(5, uuid4())
    await queue.failed_once(6)
    for position in (3, 4):
        await redeliver(queue, position)
    rows = await queue.rows()
    assert {rows[3].due_at, rows[4].due_at} == {clock.now()}
    assert {rows[position].due_at for position in (1, 2, 5, 6)} == {clock.now() + LATER}


async def test_what_is_no_delivery_is_not_found(queue: Queue) -> None:
    await queue.log(1)
    another = (await create_webhook(queue.tenant))["id"]
    await queue.ended(2)
    path = f"{queue.path}/deliveries"
    for wrong in (
        f"{path}/dlv_0000000000000001/redeliver",
        f"{path}/dlv_0000000000000003/redeliver",
        f"{path}/evt_0000000000000002/redeliver",
        f"{path}/dlv_2/redeliver",
        f"{path}/x/redeliver",
        f"/v1/webhooks/{another}/deliveries/dlv_0000000000000002/redeliver",
    ):
        answer = await queue.tenant.post(wrong)
        assert (answer.status_code, answer.json()) == (404, DELIVERY_NOT_FOUND)


# Replays.


async def test_a_replay_is_queued_up_to_where_the_log_ends(
    queue: Queue, clock: StoppedClock
) -> None:
    await queue.log(7)
    yesterday = clock.now() - timedelta(days=1)
    for body, to_at in (
        ({"to": format_timestamp(yesterday)}, yesterday),
        ({"to": "2100-01-01T00:00:00Z"}, clock.now()),
        ({}, clock.now()),
    ):
        answer = await replay(queue, **{"from": LONG_AGO}, **body)
        assert answer.status_code == 202
        assert answer.json() == {"data": {"from": LONG_AGO, "to": format_timestamp(to_at)}}
    rows = await queue.fetch("webhook_replays")
    assert [row["last_position"] for row in rows] == [7, 7, 7]
    assert {row["looked_to"] for row in rows} == {6}, "before the first that is kept"
    assert {row["to_at"] for row in rows} == {yesterday, clock.now()}
    answer = await replay(queue, **{"from": LONG_AGO})
    assert answer.status_code == 409
    assert answer.json()["message"].startswith("3 replays of this webhook are under way already")


@pytest.mark.parametrize(
    "body",
    [
        {"from": LONG_AGO, "to": LONG_AGO},
        {"from": LONG_AGO, "to": "2026-02-23T23:59:59Z"},
        {"from": "2100-01-01T00:00:00Z"},
        {"from": "yesterday"},
        {"from": None},
        {"to": LONG_AGO},
        {},
    ],
)
async def test_a_replay_needs_a_stretch_of_time(queue: Queue, body: dict[str, Any]) -> None:
    answer = await replay(queue, **body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("from")
    assert await queue.fetch("webhook_replays") == []


async def test_nothing_is_posted_once_more_while_nothing_is_posted(queue: Queue) -> None:
    await queue.ended(1)
    patches = ({"enabled": False}, {"enabled": True})
    for sentence, patch in (("disabled; enable it first", 0), ("suspended; resume it first", 1)):
        await queue.set(suspended_at=queue.clock.now())
        await queue.tenant.patch(queue.path, json=patches[patch])
        for answer in (await redeliver(queue, 1), await replay(queue, **{"from": LONG_AGO})):
            assert answer.status_code == 409
            assert answer.json()["message"] == f"The webhook is {sentence}"
    assert await queue.rows() == {}
    assert await queue.fetch("webhook_replays") == []


# Beginning anew.


async def _queue_some(queue: Queue) -> None:
    device = uuid4()
    await queue.failed_once(1, device)
    await queue.failed_once(2, device, waits=True)
    await queue.failed_once(3)
    await queue.failed_once(4, is_claimed=True)


async def test_a_resumed_webhook_begins_with_what_is_queued(
    queue: Queue, clock: StoppedClock
) -> None:
    tenant = queue.tenant
    await _queue_some(queue)
    since = clock.now() - timedelta(days=3)
    await queue.set(failing_since=since, suspended_at=clock.now(), caught_up_to=3)
    shown = await read_webhook(tenant, queue.webhook_id)
    assert (shown["failingSince"], shown["suspendedAt"]) == tuple(
        map(format_timestamp, (since, clock.now()))
    )
    answer = await tenant.post(f"{queue.path}/resume")
    assert answer.status_code == 200
    resumed = answer.json()["data"]
    assert resumed == await read_webhook(tenant, queue.webhook_id)
    del shown["failingSince"], shown["suspendedAt"]
    assert resumed == shown
    due = {position: row.due_at for position, row in (await queue.rows()).items()}
    now, later = clock.now(), clock.now() + LATER
    assert due == {1: now, 2: None, 3: now, 4: later}
    (row,) = await queue.fetch("webhooks")
    assert row["caught_up_to"] == 3


async def test_a_webhook_that_is_not_suspended_is_not_resumed(
    queue: Queue, clock: StoppedClock
) -> None:
    await queue.failed_once(1)
    await queue.set(failing_since=clock.now())
    before = await read_webhook(queue.tenant, queue.webhook_id), await queue.rows()
    answer = await queue.tenant.post(f"{queue.path}/resume")
    assert (answer.status_code, answer.json()) == (200, {"data": before[0]})
    assert (await read_webhook(queue.tenant, queue.webhook_id), await queue.rows()) == before


@pytest.mark.parametrize(
    ("change", "begins_anew"),
    [
        ({"enabled": True}, True),
        ({"url": "https://93.184.215.14/elsewhere"}, True),
        ({"events": ["device.offline"], "description": "x"}, False),
    ],
)
async def test_an_enabled_or_moved_webhook_begins_with_what_is_queued(
    queue: Queue, clock: StoppedClock, change: dict[str, Any], begins_anew: bool
) -> None:
    await _queue_some(queue)
    failing_since = clock.now() - timedelta(days=2)
    await queue.set(failing_since=failing_since, is_enabled="enabled" not in change)
    shown = (await queue.tenant.patch(queue.path, json=change)).json()["data"]
    assert ("failingSince" in shown) != begins_anew
    due = {position: row.due_at for position, row in (await queue.rows()).items()}
    now, later = clock.now(), clock.now() + LATER
    first = now if begins_anew else later
    assert due == {1: first, 2: None, 3: first, 4: later}


async def test_a_deleted_webhook_repeats_nothing_more(queue: Queue, tenant: Tenant) -> None:
    other = Queue(queue.connection, queue.clock, tenant, (await create_webhook(tenant))["id"])
    for each in (queue, other):
        await replay(each, **{"from": LONG_AGO})
    assert (await tenant.delete(queue.path)).status_code == 204
    assert await queue.fetch("webhook_replays") == []
    assert len(await other.fetch("webhook_replays")) == 1
