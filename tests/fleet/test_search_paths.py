"""A search shows the whole list without what does not match, however it is found."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.fleet import search, statements
from partner_api.fleet.types import DeviceSort
from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Tenant, create_tenant
from tests.fleet.fleets import AGES, VERSIONS, ids, pages, read_devices

FIELDS = ("assetId", "serialNumber", "userName", "userEmail")
# Letters that fold to several or to one another's, planes beyond the first, what patterns are of.
LETTERS = "aAbkK\u212asS\u017fßẞiIİ\u0131Σ\u03c3ςﬁ\U00010400\U00010428\U0001f600张e\u0301 %_\\'"
DEVICES = 300

Devices = list[dict[str, Any]]


def _text(rng: random.Random) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 9))).strip() or "a"


@pytest.fixture(scope="module")
async def searched(
    owner: AsyncEngine, http: httpx.AsyncClient, session_clock: StoppedClock
) -> Tenant:
    """An MSP whose devices have such texts, beside another one with the very same."""
    session_clock.reset()
    now = session_clock.now()
    tenants = [await create_tenant(owner, http, session_clock, name) for name in ("A", "B")]
    for tenant in tenants:
        rng = random.Random(7)
        org_ids = [await tenant.create_organization(name) for name in ("One", "Two")]
        rows = []
        for _ in range(DEVICES):
            age = rng.choice(AGES)
            facts = {field: _text(rng) for field in FIELDS if rng.random() < 0.7}
            seen = None if age is None else now - age
            version = rng.choice(VERSIONS)
            rows.append(
                device_row(tenant, rng.choice(org_ids), now, seen, currentVersion=version, **facts)
            )
        await insert_devices(owner, rows)
    return tenants[0]


@contextmanager
def limits(most_found: int, walked: int) -> Iterator[None]:
    """Fewer matches are many, and fewer devices are walked past."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "MOST_FOUND", most_found)
        patch.setattr(statements, "WALKED", walked)
        # A number is remembered for a second, and this is another way to it.
        patch.setattr(search.MatchCounts, "get", lambda _self, _msp, _wanted, count: count())
        yield


def matching(devices: Devices, text: str) -> Devices:
    folded = text.casefold()
    return [d for d in devices if any(folded in d.get(field, "").casefold() for field in FIELDS)]


pieces = st.builds(
    lambda text, start, length, change: change(text[start : start + length]) or "a",
    st.integers(0, 10_000).map(lambda seed: _text(random.Random(seed))),
    st.integers(0, 3),
    st.integers(1, 9),
    st.sampled_from([str, str.upper, str.casefold, str.swapcase]),
)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    text=pieces | st.text(LETTERS, min_size=1, max_size=4),
    sort=st.sampled_from(DeviceSort),
    order=st.sampled_from(["asc", "desc"]),
    most_found=st.sampled_from([0, 2, 10_000]),
    walked=st.sampled_from([1, 40, 20_000]),
)
@example(text="a", sort=DeviceSort.LAST_SEEN, order="asc", most_found=0, walked=1)
@example(text="ss", sort=DeviceSort.STATUS, order="desc", most_found=0, walked=40)
@example(text="ßß", sort=DeviceSort.ASSET_ID, order="asc", most_found=10_000, walked=1)
async def test_a_search_shows_what_matches_in_the_lists_order(
    searched: Tenant,
    clock: StoppedClock,
    text: str,
    sort: DeviceSort,
    order: str,
    most_found: int,
    walked: int,
) -> None:
    assert clock
    query = {"sortBy": sort, "sortOrder": order}
    whole = await read_devices(searched, **query)
    assert len(whole) == DEVICES
    with limits(most_found, walked):
        assert ids(await read_devices(searched, q=text, **query)) == ids(matching(whole, text))


@pytest.mark.parametrize("most_found", [0, 10_000])
@pytest.mark.parametrize("sort", DeviceSort)
async def test_a_walk_through_matches_shows_each_once(
    searched: Tenant, clock: StoppedClock, sort: DeviceSort, most_found: int
) -> None:
    assert clock
    whole = await read_devices(searched, sortBy=sort)
    expected = ids(matching(whole, "a"))
    walked = []
    with limits(most_found, walked=30):
        async for page in pages(searched, "/v1/devices", {"q": "A", "sortBy": sort, "limit": 7}):
            walked += ids(page.json()["data"])
            assert page.json()["meta"]["total"] == len(expected)
    assert walked == expected


@pytest.mark.parametrize("most_found", [0, 10_000])
@pytest.mark.parametrize("sort", ["status", "lastSeen"])
async def test_other_filters_hold_beside_a_text(
    searched: Tenant, clock: StoppedClock, sort: str, most_found: int
) -> None:
    assert clock
    org_id = (await searched.get("/v1/organizations")).json()["data"][0]["orgId"]
    for narrowed in (
        {"status": "critical"},
        {"status": "warning", "connectionState": "offline"},
        {"connectionState": "idle"},
        {"connectionState": "streaming", "orgId": org_id},
    ):
        query = {"sortBy": sort, **narrowed}
        expected = matching(await read_devices(searched, **query), "s")
        assert expected
        with limits(most_found, walked=20):
            assert ids(await read_devices(searched, q="S", **query)) == ids(expected)


async def test_who_asks_for_the_same_number_at_once_waits_for_one_count(
    searched: Tenant, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clock
    counted = []
    count = statements.count_statement

    def noting(selection: statements.Selection) -> statements.Statement:
        counted.append(selection)
        return count(selection)

    monkeypatch.setattr("partner_api.fleet.devices.count_statement", noting)
    monkeypatch.setattr(search, "MOST_FOUND", 0)
    totals = {len(await read_devices(searched, q="k")) for _ in range(3)}
    assert len(totals) == 1
    assert len(counted) == 1
