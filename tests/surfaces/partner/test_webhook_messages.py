"""Test messages: sent from a real server to real receivers, and verified as receivers do."""

import asyncio
import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from partner_api.config import SecretKey
from partner_api.kernel.timestamps import format_timestamp
from partner_api.surfaces.partner.services import Services
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.testing import TESTS_AT_ONCE
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.surfaces.partner.hooks import WEBHOOKS, create_webhook
from tests.webhooks.receivers import Receiver, answer, receiving

OK = answer(body=b"thank you")


async def send_test(tenant: Tenant, webhook: dict[str, Any]) -> dict[str, Any]:
    sent = await tenant.post(f"{WEBHOOKS}/{webhook['id']}/test")
    assert sent.status_code == 200, sent.text
    data: dict[str, Any] = sent.json()["data"]
    latency = data.pop("latencyMs")
    assert isinstance(latency, int)
    assert latency >= 0
    return data


async def webhook_at(tenant: Tenant, receiver: Receiver, **body: Any) -> dict[str, Any]:
    return await create_webhook(tenant, url=f"http://127.0.0.1:{receiver.port}/in?a=1", **body)


@pytest.mark.usefixtures("present")
@pytest.mark.parametrize("enabled", [True, False])
async def test_a_message_arrives_signed(
    lan_tenant: Tenant, clock: StoppedClock, enabled: bool
) -> None:
    async with receiving(OK) as receiver:
        webhook = await webhook_at(lan_tenant, receiver, enabled=enabled)
        told = await send_test(lan_tenant, webhook)
    assert told == {"httpStatus": 200, "responseExcerpt": "thank you"}
    ((line, headers, body),) = receiver.requests
    assert line == "POST /in?a=1 HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "evt_0000000000000000"
    assert headers["webhook-timestamp"] == str(int(clock.now().timestamp()))
    assert Verifier(webhook["secret"]).verify(body, headers) == json.loads(body)
    assert json.loads(body) == {
        "id": "evt_0000000000000000",
        "type": "webhook.test",
        "timestamp": format_timestamp(clock.now()),
        "mspId": lan_tenant.msp,
        "data": {"webhook": {"id": webhook["id"], "url": webhook["url"]}},
    }


@pytest.mark.usefixtures("present")
async def test_both_secrets_sign_while_they_overlap(
    lan_tenant: Tenant, clock: StoppedClock
) -> None:
    async with receiving(OK) as receiver:
        first = await webhook_at(lan_tenant, receiver)
        rotate = f"{WEBHOOKS}/{first['id']}/rotate-secret"
        second = (await lan_tenant.post(rotate, json={"overlapSeconds": 60})).json()["data"]
        await send_test(lan_tenant, first)
        clock.advance(seconds=60)
        await send_test(lan_tenant, first)
    (_, both, body), (_, one, last) = receiver.requests
    assert len(both["webhook-signature"].split()) == 2
    for secret in (first["secret"], second["secret"]):
        Verifier(secret).verify(body, both)
    assert len(one["webhook-signature"].split()) == 1
    Verifier(second["secret"]).verify(last, one)


async def test_what_came_of_it_is_told(lan_tenant: Tenant) -> None:
    async with receiving(answer("302 Found", location="http://127.0.0.1/")) as receiver:
        webhook = await webhook_at(lan_tenant, receiver)
        assert await send_test(lan_tenant, webhook) == {"httpStatus": 302}
    assert await send_test(lan_tenant, webhook) == {"error": "connection refused"}
    async with receiving(b"SSH-2.0\r\n\r\n") as receiver:
        webhook = await webhook_at(lan_tenant, receiver)
        assert await send_test(lan_tenant, webhook) == {"error": "answer is not HTTP"}


async def test_an_address_is_checked_again_when_something_is_sent(
    tenant: Tenant, lan_tenant: Tenant
) -> None:
    async with receiving(OK) as receiver:
        webhook = await webhook_at(lan_tenant, receiver)
        # The same MSP, by way of a server that allows public addresses only.
        assert await send_test(tenant, webhook) == {"error": "address not allowed"}
    assert receiver.connections == 0


async def test_a_slow_receiver_holds_nothing_and_only_a_few_are_waited_for(
    lan_tenant: Tenant, lan_services: Services
) -> None:
    arrived, answering = asyncio.Semaphore(0), asyncio.Event()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.release()
        await answering.wait()
        writer.write(OK)

    async with receiving(talk) as receiver:
        webhook = await webhook_at(lan_tenant, receiver)
        path = f"{WEBHOOKS}/{webhook['id']}/test"
        waiting = [asyncio.create_task(lan_tenant.post(path)) for _ in range(TESTS_AT_ONCE)]
        for _ in waiting:
            await arrived.acquire()
        refused = await lan_tenant.post(path)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert lan_services.gate._free == 8
        assert lan_services.tenancy._engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        answering.set()
        assert [(await task).status_code for task in waiting] == [200] * TESTS_AT_ONCE
        assert (await lan_tenant.post(path)).status_code == 200


async def test_another_msps_tests_are_its_own(lan_tenant: Tenant, other_tenant: Tenant) -> None:
    other = replace(other_tenant, http=lan_tenant.http)
    async with receiving(OK) as receiver:
        webhook = await webhook_at(lan_tenant, receiver)
        assert (await other.post(f"{WEBHOOKS}/{webhook['id']}/test")).status_code == 404
    assert receiver.connections == 0


async def test_a_secret_that_cannot_be_read_is_said_without_it(
    lan_tenant: Tenant,
    lan_services: Services,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving(OK) as receiver:
        webhook = await webhook_at(lan_tenant, receiver)
        another = Sealer([SecretKey("other", b"o" * 32)])
        monkeypatch.setattr(lan_services.webhook_tester, "_sealer", another)
        with caplog.at_level(logging.ERROR):
            told = await lan_tenant.post(f"{WEBHOOKS}/{webhook['id']}/test")
    assert told.status_code == 503
    assert told.json()["message"].startswith("The webhook's secret cannot be read; rotate it")
    assert "has no key 'test'" in caplog.text
    assert "whsec_" not in caplog.text + told.text
    assert receiver.connections == 0
