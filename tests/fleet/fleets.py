"""Fleets of many devices, and lists read to their end."""

import random
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Tenant

CURRENT = "1.0.10"
AGES = [
    None,
    timedelta(0),
    timedelta(minutes=1),
    timedelta(minutes=20),
    timedelta(hours=3),
    timedelta(days=2),
]
VERSIONS = ["1.0.9", CURRENT, "1.0", "1.0.0", "1.10"]
ASSETS = [None, None, "ACME-1", "acme-2", "Acme-10", "acme-1", "ß-3", "张-4", "~"]


async def publish_current(owner: AsyncEngine, clock: StoppedClock) -> str:
    """A channel of its own, on which CURRENT is the newest release."""
    channel = f"c-{uuid.uuid4()}"
    async with owner.begin() as connection:
        await publish_release(connection, channel, CURRENT, None, clock)
    return channel


async def insert_fleet(
    owner: AsyncEngine,
    clock: StoppedClock,
    rng: random.Random,
    tenant: Tenant,
    org_ids: Sequence[str],
    size: int,
) -> list[dict[str, Any]]:
    """Devices in every state, with many ties; returns them as an integrator reads them."""
    channel = await publish_current(owner, clock)
    now = clock.now()
    rows = []
    for _ in range(size):
        age, asset = rng.choice(AGES), rng.choice(ASSETS)
        stated = {"channel": channel, "currentVersion": rng.choice(VERSIONS)}
        if asset is not None:
            stated |= {"assetId": asset, "userName": rng.choice(["Ann", "Bob"])}
        seen = None if age is None else now - age
        rows.append(device_row(tenant, rng.choice(org_ids), now, seen, **stated))
    await insert_devices(owner, rows)
    return await read_devices(tenant)


async def read_devices(tenant: Tenant, **query: str) -> list[dict[str, Any]]:
    """Everything that matches, on one page."""
    answer = await tenant.get("/v1/devices", params={"limit": "1000", **query})
    assert answer.status_code == 200, answer.text
    assert "link" not in answer.headers
    devices: list[dict[str, Any]] = answer.json()["data"]
    assert answer.json()["meta"] == {"total": len(devices)}
    return devices


async def pages(
    tenant: Tenant, path: str, params: Mapping[str, Any]
) -> AsyncIterator[httpx.Response]:
    """A list page by page, as its Link headers lead."""
    answer = await tenant.get(path, params=dict(params))
    while True:
        assert answer.status_code == 200, answer.text
        yield answer
        target = next_target(answer)
        if target is None:
            return
        assert len(answer.json()["data"]) == int(params["limit"])
        answer = await tenant.get(target)


def next_target(answer: httpx.Response) -> str | None:
    """Where the Link header leads; it and `meta.nextCursor` come together or not at all."""
    cursor = answer.json()["meta"].get("nextCursor")
    link = answer.headers.get("link")
    if link is None:
        assert cursor is None
        return None
    match = re.fullmatch(r'<(/v1/[^<>]*)>; rel="next"', link)
    assert match is not None, link
    assert httpx.URL(match[1]).params["cursor"] == cursor
    return match[1]


def ids(devices: Sequence[Mapping[str, Any]]) -> list[str]:
    return [device["clientId"] for device in devices]
