"""Percentiles by device: how many at a time, whose, and what they cost."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.telemetry import percentiles
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.telemetry.test_network_history import post, renew

PATH = "/v1/analytics/network-quality"


async def by_device(tenant: Tenant, **query: str) -> dict[str, Any]:
    answer = await tenant.get(PATH, params={"groupBy": "device", **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_page_of_devices_is_shorter_than_one_of_organizations(tenant: Tenant) -> None:
    answer = await tenant.get(PATH, params={"groupBy": "device", "limit": "101"})
    assert answer.status_code == 400
    assert answer.json()["message"] == "limit must be 100 at most with groupBy=device"
    await by_device(tenant, limit="100")
    assert (await tenant.get(PATH, params={"limit": "1000"})).status_code == 200


@pytest.mark.parametrize("window", ["24h", "7d"])
async def test_every_device_of_an_organization_is_on_one_page_or_another(
    agent: Agent, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch, window: str
) -> None:
    monkeypatch.setattr(percentiles, "_AT_ONCE", 2)
    tenant, other = agent.tenant, await agent.tenant.create_organization("Other")
    ours = [agent, *[await tenant.enroll(agent.org_id) for _ in range(3)]]
    for n, each in enumerate([*ours, await tenant.enroll(other)]):
        moments = [clock.now() - timedelta(seconds=k) for k in range(n + 1)]
        await post(each, moments, network={"interface": "wifi", "latencyMs": n + 1})
    clock.advance(hours=3)
    await renew(tenant)
    page = await by_device(tenant, orgId=agent.org_id, window=window, limit="3")
    rest = await by_device(
        tenant, orgId=agent.org_id, window=window, limit="3", cursor=page["meta"]["nextCursor"]
    )
    assert page["meta"]["total"] == len(ours)
    shown = {each["clientId"]: each["latencyMs"] for each in [*page["data"], *rest["data"]]}
    assert len(page["data"]) + len(rest["data"]) == len(shown) == len(ours)
    for n, each in enumerate(ours):
        assert shown[each.client_id]["samples"] == n + 1
        assert shown[each.client_id]["p99"] == pytest.approx(n + 1, rel=0.02)
    assert (await by_device(tenant, window=window))["meta"]["total"] == len(ours) + 1


@pytest.mark.parametrize(
    "path", [f"{PATH}?groupBy=device", f"{PATH}?groupBy=org", "/v1/analytics/gateways"]
)
async def test_who_reads_much_waits_for_who_reads_much(
    agent: Agent, databases: Databases, path: str
) -> None:
    owner = await asyncpg.connect(databases.require_owner())
    try:
        async with owner.transaction():
            # The first one is held up; the second one would not be.
            await owner.execute("lock table device_transitions")
            series = "/v1/analytics/time-series?metric=connectivity"
            held = asyncio.create_task(agent.tenant.get(series))
            await asyncio.sleep(0.2)
            waiting = asyncio.create_task(agent.tenant.get(path))
            await asyncio.sleep(0.3)
            assert not waiting.done()
        assert [(await each).status_code for each in (held, waiting)] == [200, 200]
    finally:
        await owner.close()
