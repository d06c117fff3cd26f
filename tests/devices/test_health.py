"""The rules answer the same in Python and in the database."""

import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.kernel.timestamps import format_timestamp
from partner_api.status.rules import State, Thresholds
from partner_api.status.versions import version_sort_key
from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Agent, Tenant

MICROSECOND = timedelta(microseconds=1)
EDGES = [
    edge + step
    for edge in map(timedelta, (0, 0, 0, 1), (0, 300, 3600, 0))
    for step in (-MICROSECOND, timedelta(0), MICROSECOND)
]
VERSIONS = ["1.0.9", "1.0.10", "1.0.10-rc.1", "v1.0.10+5", "2", "gibberish"]
SYSTEMS = ["macOS", "MACOS", "Windows"]

Releases = Sequence[tuple[str, str | None]]
RELEASES: Mapping[str, Releases] = {
    "none": [],
    "every": [("1.0.9", None), ("1.0.10", None)],
    "own": [("1.0.10", "macOS"), ("1.0.9", "MacOS")],
    "both": [("1.0.10", None), ("2.0", "macos")],
    "older-own": [("1.0.10", None), ("1.0.9", "macOS")],
    "candidate": [("1.0.10-rc.1", None)],
}


async def test_python_and_the_database_agree_on_every_edge(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    rng = random.Random(5)
    now = clock.advance(microseconds=rng.randrange(1_000_000))
    suffix = uuid.uuid4().hex
    await _publish(owner, clock, suffix)
    org_id = await tenant.create_organization()
    ages = [None, *EDGES, *(timedelta(seconds=rng.uniform(-60, 200_000)) for _ in range(5))]
    rows = [
        device_row(
            tenant,
            org_id,
            now,
            None if age is None else now - age,
            channel=f"{channel}-{suffix}",
            os=system,
            currentVersion=version,
        )
        for channel in RELEASES
        for age, system, version in rng.sample([*product(ages, SYSTEMS, VERSIONS)], 160)
    ]
    theirs = await other_tenant.create_organization()
    await insert_devices(owner, [*rows, device_row(other_tenant, theirs, now, now)])
    found = (await tenant.get("/v1/devices", params={"limit": 1000})).json()
    assert found["meta"]["total"] == len(rows)
    expected = {str(row["client_id"]).upper(): _judged(row, now) for row in rows}
    assert {
        device["clientId"]: (
            device["isCurrentVersion"],
            device["status"],
            device["connectionState"],
        )
        for device in found["data"]
    } == expected
    assert len(set(expected.values())) == 8


async def test_one_device_and_the_list_agree(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    now = clock.now()
    await insert_devices(owner, [device_row(tenant, org_id, now, now - age) for age in EDGES])
    listed = (await tenant.get("/v1/devices")).json()["data"]
    assert len(listed) == len(EDGES)
    for device in listed:
        alone = await tenant.get(f"/v1/devices/{device['clientId']}")
        assert alone.json()["data"] == device


@pytest.mark.parametrize(
    ("age", "connection", "health"),
    [
        (timedelta(minutes=5) - MICROSECOND, "streaming", "healthy"),
        (timedelta(minutes=5), "idle", "healthy"),
        (timedelta(minutes=60), "idle", "healthy"),
        (timedelta(minutes=60) + MICROSECOND, "offline", "warning"),
        (timedelta(hours=24), "offline", "warning"),
        (timedelta(hours=24) + MICROSECOND, "offline", "critical"),
    ],
)
async def test_an_edge_is_met_by_observing_it_and_by_waiting_for_it(
    tenant: Tenant, clock: StoppedClock, age: timedelta, connection: str, health: str
) -> None:
    org_id = await tenant.create_organization()
    observed, waited = await tenant.enroll(org_id), await tenant.enroll(org_id)
    answer = await observed.check_in(observedAt=format_timestamp(clock.now() - age))
    assert (answer["connectionState"], answer["status"]) == (connection, health)
    assert await _status(observed) == (connection, health)

    await waited.check_in()
    clock.advance(microseconds=age // MICROSECOND)
    tenant.token = (await tenant.request_token()).json()["access_token"]
    assert await _status(waited) == (connection, health)


async def _publish(owner: AsyncEngine, clock: StoppedClock, suffix: str) -> None:
    async with owner.begin() as connection:
        for channel, releases in RELEASES.items():
            for version, system in releases:
                await publish_release(connection, f"{channel}-{suffix}", version, system, clock)


def _judged(row: Mapping[str, Any], now: datetime) -> tuple[bool, str, str]:
    runs = version_sort_key(row["current_version"])
    current = not any(
        version_sort_key(version) > runs
        for version, system in RELEASES[row["channel"].rpartition("-")[0]]
        if system is None or system.lower() == row["os"].lower()
    )
    state = State(Thresholds().stage(row["last_seen"], now), current)
    return current, state.health, state.connection


async def _status(agent: Agent) -> tuple[str, str]:
    device = await agent.read()
    return device["connectionState"], device["status"]
