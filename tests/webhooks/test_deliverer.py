"""The worker's loop: many at once, nobody held up by others, an orderly end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest

from partner_api.kernel.errors import Unavailable
from partner_api.kernel.ids import MspId
from partner_api.webhooks import delivering
from partner_api.webhooks.addresses import IPAddress
from partner_api.webhooks.delivering import Deliverer
from partner_api.webhooks.outbox import Result
from partner_api.webhooks.resolution import SharedResolver
from partner_api.webhooks.sending import Sender
from partner_api.webhooks.slots import Slots
from tests.factories.tenants import Tenant
from tests.waiting import until
from tests.webhooks.post import Post, kinds
from tests.webhooks.receivers import Names, answer, receiving
from tests.webhooks.test_delivering import url

OK = answer()


def names() -> Names:
    return Names(hooks=[["127.0.0.1"]])


async def hold(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.3)
    writer.write(OK)


@asynccontextmanager
async def running(post: Post, sender: Sender) -> AsyncIterator[asyncio.Task[None]]:
    deliverer = asyncio.create_task(Deliverer(post.outbox, sender.send).run())
    yield deliverer
    deliverer.cancel()
    await asyncio.wait([deliverer])


async def test_a_dead_receiver_and_a_slow_one_hold_up_nobody_else(
    post: Post, tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_ENDING_SECONDS", 0.2)
    async with receiving(hold) as dead, receiving(slowly) as slow, receiving(OK) as healthy:
        for each in (dead, slow, healthy):
            await post.add_webhook(tenant, url(each))
        await post.add_webhook(other_tenant, url(healthy))
        for _ in range(50):
            await post.log.write(tenant, "device.online")
            await post.log.write(other_tenant, "device.offline")
        await post.log.number()
        async with running(post, post.sender(names())):
            await until(lambda: len(healthy.requests) == 100)
            assert kinds(healthy).count("device.online") == 50
            assert 8 <= len(slow.requests) < 50, "it is given no more at once than it can take"
            assert len(dead.requests) == 8
        assert len(healthy.requests) == 100, "each came once"


async def test_what_is_under_way_at_the_end_is_written_down(post: Post, tenant: Tenant) -> None:
    async with receiving(slowly) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online")
        async with running(post, post.sender(names())):
            await until(lambda: len(receiver.requests) == 1)
    assert await post.queued(webhook_id) == []


async def test_what_could_not_be_written_down_is_when_the_database_is_back(
    post: Post, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_RETRY_SECONDS", 0.05)
    settle, tried = post.outbox.settle, 0

    async def sometimes(msp_id: MspId, results: Sequence[Result]) -> None:
        nonlocal tried
        tried += 1
        if tried < 3:
            raise Unavailable("away")
        await settle(msp_id, results)

    monkeypatch.setattr(post.outbox, "settle", sometimes)
    async with receiving(OK) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online", "device.offline", client_id=uuid4())
        async with running(post, post.sender(names())):
            await until(lambda: len(receiver.requests) == 2)
    assert kinds(receiver) == ["device.online", "device.offline"], "and is not sent again"
    assert await post.queued(webhook_id) == []


async def test_an_event_that_nobody_can_show_holds_up_nobody_else(
    post: Post, tenant: Tenant
) -> None:
    async with receiving(OK) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver), "device.online", "of.tomorrow")
        await post.log.write(tenant, "of.tomorrow")
        await post.log.add(tenant, "device.online")
        async with running(post, post.sender(names())) as deliverer:
            await until(lambda: len(receiver.requests) == 1)
            assert not deliverer.done()
    (queued,) = await post.queued(webhook_id)
    assert queued["failures"] == 0


def test_nobody_takes_more_than_a_quarter_of_what_others_leave() -> None:
    slots, greedy, late = Slots(400), [MspId(uuid4()) for _ in range(10)], MspId(uuid4())
    for _ in range(20):
        for each in greedy:
            slots.take(each, max(0, slots.room(each)))
    assert slots.room(late) > 0
    alone = Slots(400)
    alone.take(late, alone.room(late))
    assert alone.room(late) <= 0
    alone.leave(late, 1)
    assert alone.room(late) == 1


def test_a_slot_that_is_left_is_for_who_had_none_longest() -> None:
    slots, (first, second, third) = Slots(1), [MspId(uuid4()) for _ in range(3)]
    order = []
    for _ in range(4):
        msp_id = slots.in_turn([first, second, third])[0]
        order.append(msp_id)
        slots.take(msp_id, slots.room(msp_id))
        assert slots.is_full
        slots.leave(msp_id, 1)
    assert order == [first, second, third, first]


async def test_slow_name_servers_hold_up_their_own_msp_only() -> None:
    answers = asyncio.Event()
    asked: list[str] = []

    async def slow(host: str) -> list[IPAddress]:
        asked.append(host)
        await answers.wait()
        return []

    resolver, ours, theirs = SharedResolver(slow), MspId(uuid4()), MspId(uuid4())
    for n in range(80):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await resolver.of(ours)(f"{n % 40}.test")
    waiting = asyncio.ensure_future(resolver.of(theirs)("0.test"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asked == [*(f"{n}.test" for n in range(32)), "0.test"]
    answers.set()
    assert await waiting == []
    assert await resolver.of(ours)("39.test") == []
