"""What integrators ask of their webhooks, and what the worker makes of it."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from partner_api.webhooks.schedule import MOST_ATTEMPTS
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.surfaces.partner.hooks import create_webhook, read_webhook
from tests.webhooks.post import Post, bodies, kinds
from tests.webhooks.receivers import answer, receiving
from tests.webhooks.test_backlog import fail_for_three_days
from tests.webhooks.test_delivering import OK, names, saying, url
from tests.webhooks.verifying import verified


async def ask(tenant: Tenant, webhook_id: object, action: str, **body: str) -> dict[str, Any]:
    """Have something done, with a token of this hour."""
    tenant.token = (await tenant.request_token()).json()["access_token"]
    asked = await tenant.post(f"/v1/webhooks/{webhook_id}/{action}", json=body or None)
    assert asked.is_success, asked.text
    data: dict[str, Any] = asked.json()["data"]
    return data


async def list_deliveries(tenant: Tenant, webhook_id: object) -> list[dict[str, Any]]:
    answered = await tenant.get(f"/v1/webhooks/{webhook_id}/deliveries")
    rows: list[dict[str, Any]] = answered.json()["data"]
    return rows


@pytest.mark.usefixtures("clock")
async def test_an_event_is_delivered_signed_listed_and_delivered_once_more(
    post: Post, tenant: Tenant
) -> None:
    await post.log.number()
    created = await create_webhook(tenant, events=["device.online"])
    rotated = await ask(tenant, created["id"], "rotate-secret")
    async with receiving(OK) as receiver:
        await post.change(UUID(created["id"]), url=url(receiver))
        await post.log.add(tenant, "device.online", "device.offline")
        await post.deliver(tenant, post.sender(names()))
        (delivery,) = await list_deliveries(tenant, created["id"])
        again = await ask(tenant, created["id"], f"deliveries/{delivery['id']}/redeliver")
        await post.deliver(tenant, post.sender(names()))
    assert (delivery["status"], again["status"]) == ("delivered", "pending")
    (delivered,) = await list_deliveries(tenant, created["id"])
    assert delivered == delivery | {"attempts": delivered["attempts"]}
    assert [each["httpStatus"] for each in delivered["attempts"]] == [200, 200]
    for _, headers, body in receiver.requests:
        assert headers["webhook-id"] == delivery["eventId"]
        for secret in (created["secret"], rotated["secret"]):
            verified(secret, headers, body, post.clock)
    assert len(receiver.requests) == 2


async def test_a_resumed_webhook_hears_what_it_missed_and_replays_repeat_it(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    began = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    device = uuid4()
    async with receiving(saying(*[answer("500 No")] * 3, OK)) as receiver:
        webhook_id = await fail_for_three_days(post, tenant, receiver)
        await post.log.add(tenant, "device.offline", client_id=device)
        resumed = await ask(tenant, webhook_id, "resume")
        assert resumed == await read_webhook(tenant, str(webhook_id))
        assert not {"failingSince", "suspendedAt"} & resumed.keys()
        while await post.backlog.work():
            """There is more."""
        await post.deliver(tenant, post.sender(names()))
        heard = ["device.online", "webhook.suspended", "device.offline"]
        assert kinds(receiver)[3:] == heard
        clock.advance(seconds=1)
        await ask(tenant, webhook_id, "replay", **{"from": began})
        while await post.backlog.work():
            """There is more."""
        await post.deliver(tenant, post.sender(names()))
    ids = [body["id"] for body in bodies(receiver)]
    missed, repeated = ids[3:6], ids[6:]
    assert set(missed) <= set(repeated)
    assert repeated == sorted(repeated)


async def test_what_failed_when_its_webhook_was_suspended_has_all_its_tries_again(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    async with receiving(saying(*[answer("500 No")] * (MOST_ATTEMPTS + 1), OK)) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online")
        while (await post.webhook(webhook_id))["suspended_at"] is None:
            await post.deliver(tenant, post.sender(names()))
            (waiting,) = await post.queued(webhook_id)
            clock.advance(seconds=max(0, (waiting["due_at"] - clock.now()).total_seconds()))
        assert len(receiver.requests) == MOST_ATTEMPTS
        await ask(tenant, webhook_id, "resume")
        await post.deliver(tenant, post.sender(names()))
        clock.advance(seconds=6)
        await post.deliver(tenant, post.sender(names()))
    ((is_delivered, attempts),) = (await post.ended(tenant, webhook_id)).values()
    assert is_delivered
    assert len(attempts) == MOST_ATTEMPTS + 2


async def test_an_earlier_event_that_is_wanted_again_goes_first(
    post: Post, tenant: Tenant, clock: StoppedClock
) -> None:
    device = uuid4()
    async with receiving(saying(OK, answer("500 No"), OK)) as receiver:
        webhook_id = await post.add_webhook(tenant, url(receiver))
        await post.log.add(tenant, "device.online", "device.offline", client_id=device)
        await post.deliver(tenant, post.sender(names()))
        assert kinds(receiver) == ["device.online", "device.offline"]
        waiting, delivered = await list_deliveries(tenant, webhook_id)
        assert waiting["nextAttemptAt"] > clock.now().isoformat()
        again = await ask(tenant, webhook_id, f"deliveries/{delivered['id']}/redeliver")
        assert again["nextAttemptAt"]
        assert "nextAttemptAt" not in (await list_deliveries(tenant, webhook_id))[0]
        await post.deliver(tenant, post.sender(names()))
    assert kinds(receiver)[2:] == ["device.online", "device.offline"]
