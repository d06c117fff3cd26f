"""Webhooks that are suspended, what they missed, and what is replayed to them."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from partner_api.kernel.ids import uuid7
from tests.clock import StoppedClock
from tests.events.log import last_id
from tests.factories.tenants import Tenant
from tests.webhooks.post import Post, bodies, kinds
from tests.webhooks.receivers import Names, Receiver, answer, receiving
from tests.webhooks.test_delivering import saying, url

OK = answer()
_MANY = """
    insert into event_inbox (msp_id, type, happened_at, client_id, data)
    select $1, 'device.online', $2, $3, data from event_inbox, generate_series(2, $4)
     where msp_id = $1"""
_REPLAY = """
    insert into webhook_replays (msp_id, webhook_id, replay_id, from_at, to_at, last_position)
    select $1, $2, $3, $4, $5, last_position from event_logs where msp_id = $1"""


def names() -> Names:
    return Names(hooks=[["127.0.0.1"]])


async def write_many(post: Post, tenant: Tenant, count: int, client_id: UUID) -> None:
    await post.log.write(tenant, "device.online", client_id=client_id)
    await post.owner.execute(_MANY, tenant.msp_id, post.clock.now(), client_id, count)


async def fail_for_three_days(post: Post, tenant: Tenant, receiver: Receiver) -> UUID:
    """A webhook that was suspended just now, and has one delivery queued."""
    webhook_id = await post.add_webhook(tenant, url(receiver))
    await post.log.add(tenant, "device.online")
    await post.deliver(tenant, post.sender(names()))
    post.clock.advance(days=3, seconds=-1)
    await post.deliver(tenant, post.sender(names()))
    assert (await post.webhook(webhook_id))["suspended_at"] is None
    post.clock.advance(days=1)
    await post.deliver(tenant, post.sender(names()))
    assert (await post.webhook(webhook_id))["suspended_at"] == post.clock.now()
    return webhook_id


async def test_what_fails_for_three_days_is_suspended_told_and_misses_nothing(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    device = uuid4()
    async with (
        receiving(saying(*[answer("500 No")] * 3, OK)) as receiver,
        receiving(OK) as witness,
    ):
        await post.add_webhook(tenant, url(witness), "webhook.suspended")
        webhook_id = await fail_for_three_days(post, tenant, receiver)
        await post.log.add(tenant, "device.offline", "device.online", client_id=device)
        await post.deliver(tenant, post.sender(names()))
        (told,) = bodies(witness)
        assert told["data"]["webhook"] == {
            "id": str(webhook_id),
            "url": f"http://hooks.test:{receiver.port}/",
        }
        assert len(receiver.requests) == 3
        await post.change(webhook_id, suspended_at=None, failing_since=None)
        await post.owner.execute("update webhook_outbox set due_at = $1", clock.now())
        while await post.backlog.work():
            """There is more."""
        await post.log.add(tenant, "device.deleted", client_id=device)
        await post.deliver(tenant, post.sender(names()))
        heard = ["device.online", "webhook.suspended", "device.offline", "device.online"]
        assert kinds(receiver)[3:] == [*heard, "device.deleted"]
    assert (await post.webhook(webhook_id))["caught_up_to"] is None


async def test_catching_up_queues_a_part_at_a_time_and_what_happens_meanwhile_comes_after(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    webhook_id = await post.add_webhook(tenant, "http://hooks.test/")
    start = int((await last_id(tenant)).removeprefix("evt_"))
    await post.change(webhook_id, suspended_at=clock.now(), caught_up_to=start)
    await write_many(post, tenant, 2500, uuid4())
    await post.log.number()
    await post.change(webhook_id, suspended_at=None)
    while await post.backlog.work():
        """There is more."""
    assert len(await post.queued(webhook_id)) == 1000
    await post.log.add(tenant, "device.offline")
    assert len(await post.queued(webhook_id)) == 1000, "it has its turn later"
    positions = [row["position"] for row in await post.queued(webhook_id)]
    drop = "delete from webhook_outbox where webhook_id = $1"
    while (await post.webhook(webhook_id))["caught_up_to"] is not None:
        await post.owner.execute(drop, webhook_id)
        while await post.backlog.work():
            """There is more."""
        positions += [row["position"] for row in await post.queued(webhook_id)]
    assert positions == list(range(start + 1, start + 2502))
    await post.log.add(tenant, "device.online")
    assert (await post.queued(webhook_id))[-1]["position"] == start + 2502


async def test_a_long_queue_grows_no_longer_and_the_rest_comes_from_the_log(
    post: Post, tenant: Tenant
) -> None:
    webhook_id = await post.add_webhook(tenant, "http://hooks.test/")
    start = int((await last_id(tenant)).removeprefix("evt_"))
    await write_many(post, tenant, 10_500, uuid4())
    await post.log.number()
    assert len(await post.queued(webhook_id)) == 10_000
    assert (await post.webhook(webhook_id))["caught_up_to"] == start + 10_000
    await post.owner.execute("delete from webhook_outbox where webhook_id = $1", webhook_id)
    while await post.backlog.work():
        """There is more."""
    positions = [row["position"] for row in await post.queued(webhook_id)]
    assert positions == list(range(start + 10_001, start + 10_501))
    assert (await post.webhook(webhook_id))["caught_up_to"] is None


async def test_what_is_replayed_of_a_device_goes_before_what_came_later(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    device, began = uuid4(), clock.now()
    async with receiving(saying(answer("500 No"), OK)) as receiver:
        webhook_id = await post.add_webhook(
            tenant, url(receiver), "device.enrolled", "device.online"
        )
        await post.change(webhook_id, is_enabled=False)
        await post.log.add(tenant, "device.enrolled", client_id=device)
        await post.change(webhook_id, is_enabled=True)
        await post.log.add(tenant, "device.online", client_id=device)
        await post.deliver(tenant, post.sender(names()))
        clock.advance(minutes=1)
        await replay(post, tenant, webhook_id, began, clock.now())
        while await post.backlog.work():
            """There is more."""
        await post.deliver(tenant, post.sender(names()))
        assert kinds(receiver) == ["device.online", "device.enrolled", "device.online"]


async def replay(
    post: Post, tenant: Tenant, webhook_id: UUID, from_at: datetime, to_at: datetime
) -> None:
    replay_id = uuid7(post.clock.now())
    await post.owner.execute(_REPLAY, tenant.msp_id, webhook_id, replay_id, from_at, to_at)


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_replay_delivers_a_stretch_of_time_again_or_for_the_first_time(
    post: Post, tenant: Tenant, clock: StoppedClock, is_away: bool
) -> None:
    async with receiving(OK) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        for kind in ("device.online", "device.offline", "device.enrolled"):
            await post.log.add(tenant, kind, client_id=UUID(int=1))
            clock.advance(minutes=1)
        await post.deliver(tenant, post.sender(names()))
        await post.change(webhook_id, is_enabled=False)
        await post.log.add(tenant, "device.deleted", client_id=UUID(int=1))
        await post.change(webhook_id, is_enabled=not is_away)
        clock.advance(minutes=1)
        now = clock.now()
        await replay(post, tenant, webhook_id, now - timedelta(minutes=3), now)
        while await post.backlog.work():
            """There is more."""
        await post.deliver(tenant, post.sender(names()))
        again = [] if is_away else ["device.offline", "device.enrolled", "device.deleted"]
        assert kinds(receiver)[3:] == again
    attempts = [len(each) for _, each in (await post.ended(tenant, webhook_id)).values()]
    assert attempts == ([1, 1, 1] if is_away else [1, 2, 2, 1])
    left = "select count(*) from webhook_replays where webhook_id = $1"
    assert await post.owner.fetchval(left, webhook_id) == int(is_away)


async def test_a_replay_leaves_alone_what_is_queued_and_queues_a_part_at_a_time(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    webhook_id = await post.add_webhook(tenant, "http://hooks.test/")
    clock.advance(seconds=1)
    await write_many(post, tenant, 1100, uuid4())
    await post.log.number()
    claim, *_ = await post.claim(tenant)
    await post.owner.execute(
        "delete from webhook_outbox where webhook_id = $1 and position > $2",
        webhook_id,
        claim.position + 9,
    )
    await replay(post, tenant, webhook_id, clock.now(), clock.now() + timedelta(seconds=1))
    while await post.backlog.work():
        """There is more."""
    queued = await post.queued(webhook_id)
    assert queued[0]["is_claimed"]
    assert [row["position"] for row in queued] == list(range(claim.position, claim.position + 1000))
    assert await post.claim(tenant) == []


async def test_what_was_queued_for_a_deleted_webhook_goes(post: Post, tenant: Tenant) -> None:
    gone, other = [await post.add_webhook(tenant, "http://hooks.test/") for _ in range(2)]
    await post.log.add(tenant, "device.online")
    await post.owner.execute("delete from webhooks where webhook_id = $1", gone)
    await post.backlog.work()
    assert (len(await post.queued(gone)), len(await post.queued(other))) == (0, 1)


async def test_check_ins_are_recorded_while_a_webhook_hears_of_them(
    post: Post, tenant: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    note = "select note_interest($1)"
    webhook_id = await post.add_webhook(tenant, "http://hooks.test/", "device.checkin")
    await post.add_webhook(other_tenant, "http://hooks.test/")
    for changes, interests in (
        ({}, {"webhooks"}),
        ({"suspended_at": clock.now()}, set()),
        ({"suspended_at": None}, {"webhooks"}),
        ({"is_enabled": False}, set()),
    ):
        await post.change(webhook_id, **changes)
        for each in (tenant, other_tenant):
            await post.owner.execute(note, each.msp_id)
        assert await post.interests(tenant) == interests
        assert await post.interests(other_tenant) == set()
