import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.fleet.fleets import insert_fleet, pages, read_devices

Json = dict[str, Any]

NAMES = [
    "acme",
    "Acme Two",
    "ACME three",
    "Zürich AG",
    "zulu",
    "Ärzte",
    "张伟",
    "Bee",
    "bee",
    "10x",
]
WORST_FIRST = ["critical", "warning", "healthy"]


def _recount(devices: Sequence[Mapping[str, Any]]) -> Json:
    """The figures of an organization, counted one device at a time."""
    status = Counter(device["status"] for device in devices)
    state = Counter(device["connectionState"] for device in devices)
    return {
        "total": len(devices),
        "healthy": status["healthy"],
        "warning": status["warning"],
        "critical": status["critical"],
        "onlineNow": state["streaming"] + state["idle"],
        "currentVersion": sum(device["isCurrentVersion"] for device in devices),
        "networkQuality": {
            "good": 0,
            "degraded": 0,
            "poor": 0,
            "offline": len(devices),
            "overall": "offline",
        },
        "locations": {"office": 0, "home": 0, "remote": 0, "unknown": len(devices)},
        "connectionStates": {name: state[name] for name in ("streaming", "idle", "offline")},
    }


def _worst(devices: Sequence[Mapping[str, Any]]) -> str:
    found = {device["status"] for device in devices}
    return next((health for health in WORST_FIRST if health in found), "healthy")


async def _fleet(
    owner: AsyncEngine, clock: StoppedClock, rng: random.Random, tenant: Tenant
) -> dict[str, list[Json]]:
    """Every organization's devices: of any state, of one only, or none."""
    org_ids = [
        await tenant.create_organization(name)
        for name in rng.sample(NAMES, rng.randrange(4, len(NAMES)))
    ]
    await insert_fleet(owner, clock, rng, tenant, org_ids[:2], rng.randrange(5, 25))
    for org_id in org_ids[2:-1]:
        await insert_fleet(owner, clock, rng, tenant, [org_id], rng.randrange(1, 3))
    fleet: dict[str, list[Json]] = {row["orgId"]: [] for row in await _list(tenant)}
    for device in await read_devices(tenant):
        fleet[device["orgId"]].append(device)
    return fleet


async def _list(tenant: Tenant) -> list[Json]:
    answer = await tenant.get("/v1/organizations")
    assert answer.status_code == 200, answer.text
    rows: list[Json] = answer.json()["data"]
    assert answer.json()["meta"] == {"total": len(rows)}
    return rows


async def _stats(tenant: Tenant) -> Json:
    answer = await tenant.get(f"/v1/msp/{tenant.msp}/stats")
    assert answer.status_code == 200, answer.text
    stats: Json = answer.json()["data"]
    return stats


@pytest.mark.parametrize("seed", range(4))
async def test_figures_of_two_msps_equal_a_recount(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine, clock: StoppedClock, seed: int
) -> None:
    rng = random.Random(seed)
    fleets = [(msp, await _fleet(owner, clock, rng, msp)) for msp in (tenant, other_tenant)]
    for msp, fleet in fleets:
        for row in await _list(msp):
            devices = fleet[row["orgId"]]
            assert row["stats"] == {"orgId": row["orgId"], **_recount(devices)}
            assert row["overallHealth"] == _worst(devices)
            assert row["mspId"] == msp.msp
            alone = await msp.get(f"/v1/organizations/{row['orgId']}")
            assert alone.json() == {"data": row}


@pytest.mark.parametrize("seed", range(4))
async def test_organizations_are_sorted_worst_first_then_by_name(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine, clock: StoppedClock, seed: int
) -> None:
    rng = random.Random(seed)
    await _fleet(owner, clock, rng, other_tenant)
    fleet = await _fleet(owner, clock, rng, tenant)
    shown = [
        (WORST_FIRST.index(_worst(fleet[row["orgId"]])), row["name"].casefold())
        for row in await _list(tenant)
    ]
    assert shown == sorted(shown)
    assert {rank for rank, _ in shown} == {0, 1, 2}


async def test_the_fleets_stats_are_the_sum_of_its_organizations(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    rng = random.Random(9)
    for msp in (tenant, other_tenant):
        await _fleet(owner, clock, rng, msp)
    for msp in (tenant, other_tenant):
        rows = await _list(msp)
        sums = {
            name: sum(row["stats"][name] for row in rows)
            for name in ("healthy", "warning", "critical", "onlineNow")
        }
        total = sum(row["stats"]["total"] for row in rows)
        assert total == len(await read_devices(msp)) > 0
        assert await _stats(msp) == {"totalDevices": total, "totalOrgs": len(rows), **sums}


async def test_counters_add_up_to_the_total(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    await _fleet(owner, clock, random.Random(1), tenant)
    for row in await _list(tenant):
        stats = row["stats"]
        quality = {k: v for k, v in stats["networkQuality"].items() if k != "overall"}
        statuses = {name: stats[name] for name in WORST_FIRST}
        for counters in (quality, stats["locations"], stats["connectionStates"], statuses):
            assert sum(counters.values()) == stats["total"]


async def test_an_organization_without_devices_is_healthy(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    org_id = await tenant.create_organization()
    assert len(await _list(other_tenant)) == 2
    (row,) = await _list(tenant)
    assert row["overallHealth"] == "healthy"
    assert row["stats"] == {"orgId": org_id, **_recount([])}


async def test_an_msp_without_organizations_has_figures(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    assert len(await _list(other_tenant)) == 2
    assert await _list(tenant) == []
    names = ("totalDevices", "totalOrgs", "healthy", "warning", "critical", "onlineNow")
    assert await _stats(tenant) == dict.fromkeys(names, 0)


async def test_figures_follow_check_ins_and_time(tenant: Tenant, clock: StoppedClock) -> None:
    agent = await tenant.enroll(await tenant.create_organization())
    shown = []
    for minutes in (0, 30, 31, 24 * 60):
        if minutes == 30:
            await agent.check_in()
        clock.advance(minutes=minutes)
        tenant.token = (await tenant.request_token()).json()["access_token"]
        (row,) = await _list(tenant)
        stats = await _stats(tenant)
        assert stats["onlineNow"] == row["stats"]["onlineNow"]
        shown.append((row["overallHealth"], stats["onlineNow"]))
    assert shown == [("critical", 0), ("healthy", 1), ("warning", 0), ("critical", 0)]


async def test_a_walk_shows_every_organization_once_whatever_the_page_size(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    rng = random.Random(2)
    for msp in (tenant, other_tenant):
        await _fleet(owner, clock, rng, msp)
    # Two of a name and a standing: only the id tells them apart.
    for _ in range(3):
        await tenant.create_organization("Twin")
    whole = await _list(tenant)
    for size in range(1, 8):
        walked: list[Json] = []
        async for page in pages(tenant, "/v1/organizations", {"limit": size}):
            walked += page.json()["data"]
            assert page.json()["meta"]["total"] == len(whole)
        assert walked == whole


async def test_a_walk_shows_each_organization_once_while_devices_check_in(
    tenant: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    org_ids = [await tenant.create_organization(f"Org {n}") for n in range(8)]
    theirs = await other_tenant.enroll(await other_tenant.create_organization())
    calm = [await tenant.enroll(org_id) for org_id in org_ids[:4]]
    busy = await tenant.enroll(org_ids[4])
    seen: Counter[str] = Counter()
    async for page in pages(tenant, "/v1/organizations", {"limit": 1}):
        seen.update(row["orgId"] for row in page.json()["data"])
        clock.advance(seconds=1)
        await busy.check_in()
        await theirs.check_in()
    unmoved = [org_id for org_id in org_ids if org_id != busy.org_id]
    assert len(calm) == 4
    assert {org_id: seen[org_id] for org_id in unmoved} == dict.fromkeys(unmoved, 1)


@pytest.mark.parametrize(
    ("name", "value"), [("limit", "0"), ("limit", "1001"), ("limit", "x"), ("cursor", "made-up")]
)
async def test_a_bad_parameter_is_named(tenant: Tenant, name: str, value: str) -> None:
    answer = await tenant.get("/v1/organizations", params={name: value})
    assert answer.status_code == 400
    assert name in answer.json()["message"]
