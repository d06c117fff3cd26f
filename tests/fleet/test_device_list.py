import random
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.fleet.fleets import ids, insert_fleet, read_devices

Device = dict[str, Any]
Key = Callable[[Mapping[str, Any]], Any]

SORTS: dict[str, Key] = {
    "status": lambda device: ["critical", "warning", "healthy"].index(device["status"]),
    "lastSeen": lambda device: device.get("lastSeen", ""),
    "version": lambda device: _numbers(device["currentVersion"]),
    "assetId": lambda device: ("assetId" not in device, device.get("assetId", "").casefold()),
    "clientId": lambda _: 0,
}
FILTERS: dict[str, list[str | None]] = {
    "status": [None, "healthy", "warning", "critical"],
    "connectionState": [None, "streaming", "idle", "offline"],
    "q": [None, "ACME", "bob"],
}


def _numbers(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".")]
    return numbers + [0] * (5 - len(numbers))


def _ordered(devices: list[Device], sort: str, order: str) -> list[str]:
    key = SORTS[sort]
    found = sorted(devices, key=lambda device: (key(device), device["clientId"]))
    return ids(found if order == "asc" else found[::-1])


@pytest.fixture
async def org_ids(tenant: Tenant) -> list[str]:
    return [await tenant.create_organization(name) for name in ("Acme", "Globex")]


@pytest.fixture
async def fleet(
    tenant: Tenant,
    other_tenant: Tenant,
    owner: AsyncEngine,
    clock: StoppedClock,
    org_ids: list[str],
) -> list[Device]:
    rng = random.Random(11)
    theirs = [await other_tenant.create_organization("Acme")]
    await insert_fleet(owner, clock, rng, other_tenant, theirs, 20)
    return await insert_fleet(owner, clock, rng, tenant, org_ids, 60)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
async def test_the_list_is_sorted_with_ties_by_client_id(
    tenant: Tenant, fleet: list[Device], sort: str, order: str
) -> None:
    found = await read_devices(tenant, sortBy=sort, sortOrder=order)
    assert ids(found) == _ordered(fleet, sort, order)


async def test_the_default_is_by_status_worst_first(tenant: Tenant, fleet: list[Device]) -> None:
    assert ids(await read_devices(tenant)) == _ordered(fleet, "status", "asc")
    assert ids(await read_devices(tenant, sortOrder="desc")) == _ordered(fleet, "status", "desc")


async def test_every_combination_of_filters_lists_exactly_what_matches(
    tenant: Tenant, fleet: list[Device], org_ids: list[str]
) -> None:
    for org_id, *values in product([None, *org_ids], *FILTERS.values()):
        wanted = dict(zip(FILTERS, values, strict=True)) | {"orgId": org_id}
        query = {name: value for name, value in wanted.items() if value is not None}
        found = await read_devices(tenant, sortBy="clientId", **query)
        assert ids(found) == sorted(ids([d for d in fleet if _matches(d, query)])), query


def _matches(device: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    text = query.get("q", "").casefold()
    searched = [device.get(name, "").casefold() for name in ("assetId", "userName")]
    return any(text in value for value in searched) and all(
        device[name] == value for name, value in query.items() if name != "q"
    )


async def test_never_seen_comes_first_by_last_seen_and_last_the_other_way(
    tenant: Tenant, fleet: list[Device]
) -> None:
    never = [device for device in fleet if "lastSeen" not in device]
    assert never
    found = await read_devices(tenant, sortBy="lastSeen")
    assert not [d for d in found[: len(never)] if "lastSeen" in d]
    found = await read_devices(tenant, sortBy="lastSeen", sortOrder="desc")
    assert not [d for d in found[-len(never) :] if "lastSeen" in d]


async def test_a_missing_asset_id_comes_last(tenant: Tenant, fleet: list[Device]) -> None:
    missing = [device for device in fleet if "assetId" not in device]
    found = await read_devices(tenant, sortBy="assetId")
    assert len(missing) > 1
    assert ids(found[-len(missing) :]) == sorted(ids(missing))


async def test_a_limit_cuts_the_page_and_not_the_total(tenant: Tenant, fleet: list[Device]) -> None:
    for limit in (1, 7, len(fleet) - 1, len(fleet)):
        answer = (await tenant.get("/v1/devices", params={"limit": limit})).json()
        assert len(answer["data"]) == limit
        assert answer["meta"]["total"] == len(fleet)
        assert ("nextCursor" in answer["meta"]) == (limit < len(fleet))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "Healthy"),
        ("status", ""),
        ("connectionState", "online"),
        ("sortBy", "os"),
        ("sortBy", "client_id"),
        ("sortOrder", "ASC"),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "ten"),
        ("orgId", "org_1"),
        ("q", "a\0"),
        ("q", "a" * 201),
        ("cursor", "made-up"),
    ],
)
async def test_a_bad_parameter_is_named(tenant: Tenant, name: str, value: str) -> None:
    answer = await tenant.get("/v1/devices", params={name: value})
    assert answer.status_code == 400
    assert name in answer.json()["message"]


async def test_another_msps_organization_lists_nothing(
    tenant: Tenant, other_tenant: Tenant, fleet: list[Device]
) -> None:
    theirs = (await other_tenant.get("/v1/organizations")).json()["data"][0]["orgId"]
    assert fleet
    assert await read_devices(tenant, orgId=theirs) == []
    assert await read_devices(tenant, orgId=f"org_{'0' * 8}-0000-0000-0000-{'0' * 12}") == []
