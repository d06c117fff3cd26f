"""From an event to the receiver: each webhook's own, in order, and again until it is taken."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from partner_api.database.pools import acquired
from partner_api.webhooks.outbox import Claim, Result
from partner_api.webhooks.schedule import Verdict
from partner_api.webhooks.sealing import Sealer
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.factories.tenants import Tenant
from tests.webhooks.post import SECRET, Post, bodies, kinds
from tests.webhooks.receivers import Names, Receiver, Talk, answer, receiving
from tests.webhooks.verifying import verified

OK = answer()


def names() -> Names:
    return Names(hooks=[["127.0.0.1"]])


def url(receiver: Receiver) -> str:
    return f"http://hooks.test:{receiver.port}/"


def saying(*answers: bytes) -> Talk:
    """One answer after another; the last stays."""
    left = list(answers)

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left[0] if len(left) == 1 else left.pop(0))
        await writer.drain()

    return talk


async def test_a_webhook_hears_of_what_it_asked_for_and_can_verify_it(
    post: Post, tenant: Tenant, other_tenant: Tenant
) -> None:
    org_id, client_id = uuid4(), uuid4()
    async with receiving(OK) as ours, receiving(OK) as one_org, receiving(OK) as theirs:
        await post.add_webhook(tenant, url(ours), "device.online", "device.offline")
        await post.add_webhook(tenant, url(one_org), org_id=org_id)
        await post.add_webhook(other_tenant, url(theirs))
        await post.log.write(tenant, "device.online", "device.checkin", client_id=client_id)
        await post.log.write(tenant, "device.offline", org_id=org_id)
        await post.log.add(other_tenant, "device.online")
        for each in (tenant, other_tenant):
            await post.deliver(each, post.sender(names()))
        assert kinds(ours) == ["device.online", "device.offline"]
        assert kinds(one_org) == ["device.offline"]
        assert {body["mspId"] for body in bodies(ours) + bodies(one_org)} == {tenant.msp}
        assert {body["mspId"] for body in bodies(theirs)} == {other_tenant.msp}
    listed = (await tenant.get("/v1/events")).json()["data"]
    (first,) = [each for each in listed if each["type"] == "device.online"]
    _, headers, body = ours.requests[0]
    assert verified(SECRET, headers, body, post.clock) == bodies(ours)[0] == first
    assert headers["webhook-id"] == first["id"]


async def test_nothing_is_queued_for_the_disabled_and_the_suspended(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    disabled = await post.add_webhook(tenant, "http://hooks.test/")
    suspended = await post.add_webhook(tenant, "http://hooks.test/")
    await post.change(disabled, is_enabled=False)
    await post.change(suspended, suspended_at=clock.now(), caught_up_to=0)
    await post.log.add(tenant, "device.online")
    assert await post.queued(disabled) == await post.queued(suspended) == []


async def test_what_a_device_did_comes_in_order_and_holds_up_no_other(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    device, other = uuid4(), uuid4()
    async with receiving(saying(answer("500 No"), OK)) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online", "device.enrolled", client_id=device)
        sender = post.sender(names())
        await post.deliver(tenant, sender)
        assert kinds(receiver) == ["device.online"]
        await post.log.write(tenant, "device.offline", client_id=device)
        await post.log.add(tenant, "device.deleted", client_id=other)
        await post.deliver(tenant, sender)
        assert kinds(receiver)[1:] == ["device.deleted"]
        clock.advance(seconds=6)
        await post.deliver(tenant, sender)
        assert kinds(receiver)[2:] == ["device.online", "device.enrolled", "device.offline"]
    assert await post.queued(webhook_id) == []
    attempts = [each for _, each in (await post.ended(tenant, webhook_id)).values()]
    first = attempts[0]
    assert [len(each) for each in attempts] == [2, 1, 1, 1]
    assert [each["httpStatus"] for each in first] == [500, 200]
    assert first[0]["at"] < first[1]["at"]
    assert len({headers["webhook-id"] for _, headers, _ in receiver.requests}) == 4


async def test_a_delivery_is_given_up_after_ten_attempts_and_the_next_one_goes(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    async with receiving(saying(*[answer("500 No")] * 10, OK)) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online", "device.offline", client_id=uuid4())
        started = clock.now()
        for _ in range(10):
            await post.deliver(tenant, post.sender(names()))
            # So that it is not suspended: that is another story.
            await post.change(webhook_id, failing_since=None)
            waits = [row["due_at"] for row in await post.queued(webhook_id)][:1]
            clock.advance(seconds=(waits[0] - clock.now()).total_seconds() if waits else 0)
        assert timedelta(hours=75) < clock.now() - started < timedelta(hours=85)
        assert kinds(receiver) == ["device.online"] * 10 + ["device.offline"]
    (failed, attempts), (delivered, _) = (await post.ended(tenant, webhook_id)).values()
    assert (failed, len(attempts), delivered) == (False, 10, True)


async def test_a_dead_workers_deliveries_are_another_ones_within_a_minute(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    async with receiving(OK) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online", "device.offline", client_id=uuid4())
        (old,) = await post.claim(tenant)
        clock.advance(seconds=44)
        assert await post.claim(tenant) == []
        clock.advance(seconds=2)
        (new,) = await post.claim(tenant)
        assert (new.position, new.number) == (old.position, old.number + 1)
        # It was not dead, and tells what it did: nobody listens any longer.
        await post.outbox.settle(tenant.msp_id, [Result(old, None, Verdict.GONE, {"at": "x"})])
        assert (await post.webhook(webhook_id))["is_enabled"]
        await post.outbox.settle(tenant.msp_id, [Result(new, None, Verdict.DELIVERED, {"at": "y"})])
        await post.outbox.settle(tenant.msp_id, [Result(new, None, Verdict.FAILED, {"at": "z"})])
        await post.deliver(tenant, post.sender(names()))
        assert kinds(receiver) == ["device.offline"]
    ended = await post.ended(tenant, webhook_id)
    assert ended[new.position] == (True, [{"at": "y"}])


async def claimed(post: Post, tenant: Tenant, limit: int = 1000) -> Sequence[UUID]:
    return [claim.webhook_id for claim in await post.claim(tenant, limit)]


async def test_of_each_webhook_a_few_are_under_way_and_one_while_it_fails(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    busy = await post.add_webhook(tenant, "http://hooks.test/", "device.online")
    failing = await post.add_webhook(tenant, "http://hooks.test/", "device.offline")
    await post.change(failing, failing_since=clock.now())
    for kind in ("device.online", "device.offline"):
        for _ in range(10):
            await post.log.write(tenant, kind)
    await post.log.number()
    first = await post.claim(tenant, 3)
    assert [claim.webhook_id for claim in first].count(failing) == 1, "they take turns"
    rest = await claimed(post, tenant)
    assert (rest.count(busy), rest.count(failing)) == (6, 0)
    delivered = [claim for claim in first if claim.webhook_id == busy]
    await post.outbox.settle(tenant.msp_id, [Result(delivered[0], None, Verdict.DELIVERED, {})])
    assert await claimed(post, tenant) == [busy]


async def test_two_workers_claim_no_more_together_than_one_may(
    post: Post, tenant: Tenant, delivering: asyncpg.Pool, clock: StoppedClock
) -> None:
    webhook_id = await post.add_webhook(tenant, "http://hooks.test/")
    for _ in range(20):
        await post.log.write(tenant, "device.online")
    await post.log.number()
    claim = "select count(*) from claim_deliveries($1, $2, 100, $3)"
    async with acquired(delivering) as other:
        transaction = other.transaction()
        await transaction.start()
        assert await other.fetchval(claim, tenant.msp_id, [webhook_id], clock.now()) == 8
        assert await post.claim(tenant) == [], "and it does not wait"
        await transaction.commit()
    assert await post.claim(tenant) == []


async def test_an_event_numbered_while_the_one_before_ends_is_not_left_waiting(
    post: Post, tenant: Tenant, delivering: asyncpg.Pool, clock: StoppedClock
) -> None:
    webhook_id, device = await post.add_webhook(tenant, "http://hooks.test/"), uuid4()
    await post.log.add(tenant, "device.online", client_id=device)
    (head,) = await post.claim(tenant)
    await post.log.write(tenant, "device.offline", client_id=device)
    async with acquired(delivering) as numbering:
        transaction = numbering.transaction()
        await transaction.start()
        await numbering.execute("select number_events($1, 10, $2)", tenant.msp_id, clock.now())
        settled = asyncio.create_task(
            post.outbox.settle(tenant.msp_id, [Result(head, None, Verdict.DELIVERED, {})])
        )
        done, _ = await asyncio.wait([settled], timeout=0.3)
        assert not done, "it would not see what is being queued"
        await transaction.commit()
        await settled
    (waiting,) = await post.queued(webhook_id)
    assert waiting["due_at"] == clock.now()


async def test_two_deliveries_of_a_device_that_end_at_once_let_the_next_one_go(
    post: Post, tenant: Tenant, delivering: asyncpg.Pool, clock: StoppedClock
) -> None:
    webhook_id, device = await post.add_webhook(tenant, "http://hooks.test/"), uuid4()
    kinds = ("device.online", "device.offline", "device.enrolled")
    await post.log.add(tenant, *kinds, client_id=device)
    (first,) = await post.claim(tenant)
    await post.outbox.settle(tenant.msp_id, [Result(first, None, Verdict.DELIVERED, {})])
    (second,) = await post.claim(tenant)
    kept_until = (await post.queued(webhook_id))[0]["kept_until"]
    again = (
        "select queue_again($1, $2, array[$3::bigint], array[$4::timestamptz], array[$5::uuid], $6)"
    )
    values = (tenant.msp_id, webhook_id, first.position, kept_until, device, clock.now())
    await post.owner.execute(again, *values)
    (first,) = await post.claim(tenant)
    settle = """
        select settle_deliveries($1, array[$2::uuid], array[$3::bigint], array[$4::integer],
                                 array['delivered'], array['{}'::jsonb],
                                 array[null::timestamptz], $5, $5)"""
    async with acquired(delivering) as other:
        transaction = other.transaction()
        await transaction.start()
        key = (webhook_id, first.position, first.number)
        await other.execute(settle, tenant.msp_id, *key, clock.now())
        settled = asyncio.create_task(
            post.outbox.settle(tenant.msp_id, [Result(second, None, Verdict.DELIVERED, {})])
        )
        await asyncio.wait([settled], timeout=0.3)
        await transaction.commit()
        await settled
    (third,) = await post.claim(tenant)
    assert third.position == second.position + 1


async def test_gone_disables_the_webhook_and_check_ins_are_recorded_no_longer(
    post: Post, tenant: Tenant
) -> None:
    async with receiving(answer("410 Gone", b"no more")) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver), "device.checkin")
        await post.owner.execute("select note_interest($1)", tenant.msp_id)
        assert await post.interests(tenant) == {"webhooks"}
        await post.log.add(tenant, "device.checkin", "device.checkin", client_id=uuid4())
        await post.deliver(tenant, post.sender(names()))
        assert len(receiver.requests) == 1
    assert not (await post.webhook(webhook_id))["is_enabled"]
    assert await post.interests(tenant) == set()
    ((delivered, attempts),) = (await post.ended(tenant, webhook_id)).values()
    assert (delivered, attempts[0]["responseExcerpt"]) == (False, "no more")
    assert len(await post.queued(webhook_id)) == 1, "nothing queued is lost"


async def test_bad_receivers_are_told_apart_in_the_attempts(post: Post, tenant: Tenant) -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    hosts = Names(
        hooks=[["127.0.0.1"]], inside=[["10.0.0.1"]], rebound=[["127.0.0.1"], ["10.0.0.1"]]
    )
    redirect = answer("302 Found", location="http://hooks.test/elsewhere")
    async with (
        receiving(redirect) as redirecting,
        receiving(b"220 mail.test ESMTP\r\n\r\n") as lying,
        receiving(silent) as hanging_up,
        receiving(OK) as healthy,
    ):
        webhook_ids = [
            await post.add_webhook(tenant, each)
            for each in (
                url(redirecting),
                url(lying),
                url(hanging_up),
                "http://inside.test/",
                url(healthy).replace("hooks", "rebound"),
            )
        ]
        await post.log.add(tenant, "device.online")
        sender = post.sender(hosts)
        await post.deliver(tenant, sender)
        attempts = {
            webhook_id: (await post.queued(webhook_id))[0]["attempts"]
            for webhook_id in webhook_ids[:4]
        }
        await post.log.add(tenant, "device.offline")
        await post.deliver(tenant, sender)
        assert kinds(healthy) == ["device.online"], "to where the name led then, and not now"
        assert {line for line, _, _ in redirecting.requests} == {"POST / HTTP/1.1"}
    texts = ['"httpStatus": 302', "answer is not HTTP", "without an answer", "not allowed"]
    for text, webhook_id in zip(texts, webhook_ids, strict=False):
        assert text in attempts[webhook_id]
        assert (await post.webhook(webhook_id))["failing_since"] is not None
    assert "not allowed" in (await post.queued(webhook_ids[4]))[0]["attempts"]


async def test_a_success_ends_a_failure_and_retry_after_is_obeyed(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    busy = answer("503 Busy", Retry_After="120")
    async with receiving(saying(busy, OK)) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online")
        await post.deliver(tenant, post.sender(names()))
        assert (await post.webhook(webhook_id))["failing_since"] == clock.now()
        clock.advance(seconds=119)
        assert await post.deliver(tenant, post.sender(names())) == []
        clock.advance(seconds=1)
        await post.deliver(tenant, post.sender(names()))
        assert (await post.webhook(webhook_id))["failing_since"] is None


async def test_without_its_key_a_delivery_is_put_off_and_not_failed(
    post: Post, tenant: Tenant, clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(OK) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online")
        post.sealer = Sealer([type(RING[0])("other", b"o" * 32)])
        await post.deliver(tenant, post.sender(names()))
        assert "no key 'test'" in caplog.text
        (queued,) = await post.queued(webhook_id)
        assert (queued["failures"], queued["attempts"]) == (0, "[]")
        assert (await post.webhook(webhook_id))["failing_since"] is None
        post.sealer = Sealer(RING)
        clock.advance(seconds=60)
        await post.deliver(tenant, post.sender(names()))
        assert kinds(receiver) == ["device.online"]


async def test_an_event_that_is_no_longer_kept_lets_the_next_one_go(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    async with receiving(OK) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online", "device.offline", client_id=uuid4())
        (first, _) = await post.queued(webhook_id)
        delete = "delete from events where msp_id = $1 and position = $2"
        await post.owner.execute(delete, tenant.msp_id, first["position"])
        clock.advance(seconds=1)
        await post.deliver(tenant, post.sender(names()))
        assert kinds(receiver) == ["device.offline"]
    assert await post.queued(webhook_id) == []


async def test_attempts_are_kept_up_to_thirty(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    webhook_id = await post.add_webhook(tenant, "http://hooks.test/")
    await post.log.add(tenant, "device.online")

    def failed(claim: Claim, n: int) -> Result:
        return Result(claim, clock.now(), Verdict.FAILED, {"n": n})

    for n in range(31):
        (claim,) = await post.claim(tenant)
        await post.outbox.settle(tenant.msp_id, [failed(claim, n)])
    (claim,) = await post.claim(tenant)
    await post.outbox.settle(tenant.msp_id, [Result(claim, None, Verdict.DELIVERED, {"n": 31})])
    ((_, attempts),) = (await post.ended(tenant, webhook_id)).values()
    assert [each["n"] for each in attempts] == list(range(2, 32))
