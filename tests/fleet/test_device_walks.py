import random
from collections import Counter
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.fleet.fleets import ids, insert_fleet, next_target, pages, read_devices

SORTS = ["status", "lastSeen", "version", "assetId", "clientId"]
Query = dict[str, str]


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
) -> list[dict[str, Any]]:
    """As many devices under each of two MSPs."""
    rng = random.Random(3)
    theirs = [await other_tenant.create_organization("Acme")]
    await insert_fleet(owner, clock, rng, other_tenant, theirs, 12)
    return await insert_fleet(owner, clock, rng, tenant, org_ids, 12)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
async def test_a_walk_shows_the_list_whatever_the_page_size(
    tenant: Tenant, fleet: list[dict[str, Any]], sort: str, order: str
) -> None:
    whole = await read_devices(tenant, sortBy=sort, sortOrder=order)
    assert len(whole) == len(fleet)
    for size in range(1, 8):
        query = {"sortBy": sort, "sortOrder": order, "limit": size}
        walked: list[dict[str, Any]] = []
        async for page in pages(tenant, "/v1/devices", query):
            walked += page.json()["data"]
            assert page.json()["meta"]["total"] == len(fleet)
        assert walked == whole


@pytest.mark.parametrize(
    "query",
    [
        {"status": "critical"},
        {"connectionState": "offline", "sortBy": "lastSeen", "sortOrder": "desc"},
        {"q": "acme-1"},
        {"q": "ß", "sortBy": "version"},
        {"orgId": "first", "sortBy": "assetId"},
        {"orgId": "first", "status": "warning", "connectionState": "offline"},
    ],
)
async def test_a_walk_keeps_its_filters(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock, org_ids: list[str], query: Query
) -> None:
    fleet = await insert_fleet(owner, clock, random.Random(4), tenant, org_ids, 60)
    query = {name: org_ids[0] if value == "first" else value for name, value in query.items()}
    whole = await read_devices(tenant, **query)
    assert 1 < len(whole) < len(fleet)
    walked = [
        device
        async for page in pages(tenant, "/v1/devices", {**query, "limit": 1, "unknown": "ü&="})
        for device in page.json()["data"]
    ]
    assert walked == whole


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", SORTS)
async def test_a_walk_shows_every_row_once_while_others_check_in(
    tenant: Tenant,
    fleet: list[dict[str, Any]],
    org_ids: list[str],
    clock: StoppedClock,
    sort: str,
    order: str,
) -> None:
    busy = [await tenant.enroll(org_ids[0], assetId="m") for _ in range(3)]
    for size in (1, 2, 5):
        rng = random.Random(size)
        seen: Counter[str] = Counter()
        query = {"sortBy": sort, "sortOrder": order, "limit": size}
        async for page in pages(tenant, "/v1/devices", query):
            seen.update(ids(page.json()["data"]))
            assert page.json()["meta"]["total"] == len(fleet) + len(busy)
            await _stir(rng, rng.choice(busy), clock)
        assert {row: seen[row] for row in ids(fleet)} == dict.fromkeys(ids(fleet), 1)
        if sort == "clientId":
            assert seen == Counter(ids(fleet) + [agent.client_id for agent in busy])


async def _stir(rng: random.Random, agent: Agent, clock: StoppedClock) -> None:
    clock.advance(milliseconds=1)
    version = rng.choice(["0.1", "1.0.5", "99"])
    await agent.check_in(assetId=rng.choice(["0", "m", "张"]), currentVersion=version)


async def test_a_walk_by_client_id_outlives_rows_that_come_and_go(
    tenant: Tenant, fleet: list[dict[str, Any]], org_ids: list[str]
) -> None:
    whole = sorted(ids(fleet))
    gone: set[str] = set()
    seen: list[str] = []
    async for page in pages(tenant, "/v1/devices", {"sortBy": "clientId", "limit": 2}):
        seen += ids(page.json()["data"])
        for victim in (whole[0], whole[len(seen) - 1]):
            if victim not in gone:
                assert (await tenant.delete(f"/v1/devices/{victim}")).status_code == 204
                gone.add(victim)
        await tenant.enroll(org_ids[0], clientId=f"{'0' * 8}-0000-4000-8000-{len(seen):012}")
    assert seen == whole


@pytest.mark.parametrize(
    "changed",
    [
        {"sortBy": "version"},
        {"sortOrder": "desc"},
        {"status": "warning"},
        {"status": None},
        {"connectionState": "offline"},
        {"connectionState": "idle"},
        {"orgId": "other"},
        {"orgId": None},
        {"q": "acme"},
        {"q": "acm"},
    ],
)
async def test_a_cursor_opens_for_no_other_filter_or_sort(
    tenant: Tenant, fleet: list[dict[str, Any]], org_ids: list[str], changed: dict[str, str | None]
) -> None:
    org_id = next(d["orgId"] for d in fleet if d["status"] == "critical")
    other = next(candidate for candidate in org_ids if candidate != org_id)
    query = {"sortBy": "lastSeen", "status": "critical", "orgId": org_id, "limit": "1"}
    cursor = await _cursor(tenant, "/v1/devices", query)
    assert (await tenant.get("/v1/devices", params={**query, "cursor": cursor})).status_code == 200
    asked = {**query, **{n: other if v == "other" else v for n, v in changed.items()}}
    params = {name: value for name, value in asked.items() if value is not None}
    answer = await tenant.get("/v1/devices", params={**params, "cursor": cursor})
    assert answer.status_code == 400
    assert "cursor" in answer.json()["message"]


async def test_a_cursor_is_good_for_another_page_size(
    tenant: Tenant, fleet: list[dict[str, Any]]
) -> None:
    cursor = await _cursor(tenant, "/v1/devices", {"limit": "5"})
    rest = await tenant.get("/v1/devices", params={"limit": "100", "cursor": cursor})
    assert len(rest.json()["data"]) == len(fleet) - 5


async def test_a_cursor_opens_for_no_other_msp(
    tenant: Tenant, other_tenant: Tenant, fleet: list[dict[str, Any]]
) -> None:
    assert fleet
    for path in ("/v1/devices", "/v1/organizations"):
        params = {"limit": "1", "cursor": await _cursor(tenant, path, {"limit": "1"})}
        assert (await tenant.get(path, params=params)).status_code == 200
        assert (await other_tenant.get(path, params=params)).status_code == 400


async def test_a_cursor_opens_for_no_other_list(
    tenant: Tenant, fleet: list[dict[str, Any]]
) -> None:
    assert fleet
    paths = ["/v1/devices", "/v1/organizations"]
    for path, other in (paths, paths[::-1]):
        params = {"limit": "1", "cursor": await _cursor(tenant, path, {"limit": "1"})}
        assert (await tenant.get(other, params=params)).status_code == 400


@pytest.mark.parametrize("sort", SORTS)
async def test_a_tampered_cursor_is_refused(
    tenant: Tenant, fleet: list[dict[str, Any]], sort: str
) -> None:
    assert fleet
    query = {"sortBy": sort, "limit": "1"}
    cursor = await _cursor(tenant, "/v1/devices", query)
    for place, character in enumerate(cursor):
        other = "B" if character == "A" else chr(ord(character) ^ 1)
        changed = cursor[:place] + other + cursor[place + 1 :]
        answer = await tenant.get("/v1/devices", params={**query, "cursor": changed})
        assert answer.status_code == 400, place


async def _cursor(tenant: Tenant, path: str, query: Query) -> str:
    answer = await tenant.get(path, params=query)
    assert next_target(answer) is not None
    cursor: str = answer.json()["meta"]["nextCursor"]
    return cursor
