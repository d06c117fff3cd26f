"""What arrives over HTTP leaves the device that folding the same check-ins in Python does."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.app import create_app, open_services
from partner_api.config import Databases, Settings
from partner_api.devices.facts import FACT_COLUMNS, FACT_NAMES, asset_sort, version_sort
from partner_api.devices.models import Device
from partner_api.ingest import check_ins
from partner_api.ingest.fold import DeviceState, fold
from partner_api.ingest.types import CheckIn
from partner_api.kernel.ids import parse_client_id
from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.factories.tenants import FACTS, Agent, Tenant
from tests.ingest.states import check_in_at, enrolled, fold_all, posted, stated_facts


@dataclass
class Careful:
    """How many check-ins were folded in Python; the others one SQL statement wrote."""

    folded: int = 0

    def __call__(self, state: DeviceState, item: CheckIn) -> DeviceState | None:
        self.folded += 1
        return fold(state, item)


@pytest.fixture
def careful(monkeypatch: pytest.MonkeyPatch) -> Careful:
    counter = Careful()
    monkeypatch.setattr(check_ins, "fold", counter)
    return counter


@pytest.mark.parametrize("seed", range(12))
async def test_a_stream_leaves_the_device_that_folding_it_does(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock, seed: int
) -> None:
    rng = random.Random(seed)
    expected = enrolled(FACTS | {"channel": "stable"})
    for request in _requests(rng, _arrived(rng, clock.now())):
        before, expected = expected, fold_all(expected, request)
        answer = await _post(agent, rng, request)
        accepted = expected.check_in_count - before.check_in_count
        assert (answer["accepted"], answer["duplicates"]) == (accepted, len(request) - accepted)
        assert expected.last_seen is not None
        assert answer["lastSeen"] == format_timestamp(expected.last_seen)
        assert answer["rejected"] == []
    assert await _stored(owner, agent) == _as_row(expected)
    assert _shown(await agent.read()) == _as_shown(expected)


@pytest.mark.parametrize("numbered", [True, False])
async def test_an_everyday_stream_takes_one_statement_a_check_in_and_leaves_the_same(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock, careful: Careful, numbered: bool
) -> None:
    expected = enrolled(FACTS | {"channel": "stable"})
    jumps = [1, 1, 3, 1, 62, 1, 63, 64, 65, 1, 1, 1000, 1, 1, 1]
    number = 5
    for minute, jump in enumerate(jumps):
        number += jump
        said = {"osVersion": "15.4"} if minute > 2 else {"assetId": "A-1"}
        at = clock.start + timedelta(minutes=minute - 100, microseconds=minute)
        item = check_in_at(at, number if numbered else None, said)
        expected = fold_all(expected, [item])
        await agent.check_in(**posted(item))
        assert await _stored(owner, agent) == _as_row(expected)
    assert careful.folded == 2


async def test_numbers_and_instants_that_disagree_are_judged_alike(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    expected = enrolled(FACTS | {"channel": "stable"})
    steps = product([-1000, -64, -63, -1, 0, 1, 63, 64, 65, None], [-1, 0, 1])
    for place, (numbers, seconds) in enumerate(steps):
        at, number = clock.start - timedelta(hours=2 - place / 60), 10_000 * (place + 1)
        then = None if numbers is None else number + numbers
        for item in (
            check_in_at(at, number, {"osVersion": "15.4"}),
            check_in_at(at + timedelta(seconds=seconds), then, {"osVersion": "15.4"}),
        ):
            expected = fold_all(expected, [item])
            await agent.check_in(**posted(item))
            assert await _stored(owner, agent) == _as_row(expected)


@pytest.mark.parametrize("seed", range(4))
async def test_a_relayed_stream_leaves_what_the_devices_own_leaves(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock, seed: int
) -> None:
    rng = random.Random(seed)
    twin = await agent.tenant.enroll(agent.org_id)
    for request in _as_time_goes_by(rng, clock):
        agent.tenant.token = (await agent.tenant.request_token()).json()["access_token"]
        own = await _post(agent, rng, request)
        items = [posted(item) | {"clientId": twin.client_id} for item in request]
        answer = await agent.tenant.post("/v1/check-ins", json={"checkIns": items})
        relayed = answer.json()["data"]
        for name in ("accepted", "duplicates", "rejected"):
            assert relayed[name] == own[name]
        assert await _stored(owner, twin, *_STANDING) == await _stored(owner, agent, *_STANDING)
    assert await _steps(twin) == await _steps(agent)
    assert _shown(await twin.read()) == _shown(await agent.read())


async def test_orders_of_arrival_end_in_one_row(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    rng = random.Random(7)
    org_id = await tenant.create_organization()
    made = [item for item in _made(rng, clock.now()) if item.sequence is not None]
    rows = []
    for _ in range(4):
        agent = await tenant.enroll(org_id)
        for request in _requests(rng, _displaced(rng, made)):
            await _post(agent, rng, request)
        rows.append(await _stored(owner, agent))
    assert rows == [_as_row(fold_all(enrolled(FACTS | {"channel": "stable"}), made))] * 4


async def test_many_at_once_count_once_each(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    made = [
        check_in_at(clock.start - timedelta(seconds=90 - n), n, {"osVersion": f"15.{n // 20}"})
        for n in range(60)
    ]
    answers = await asyncio.gather(*(agent.post_check_in(**posted(i)) for i in (*made, *made)))
    assert {answer.status_code for answer in answers} == {200}
    results = [answer.json()["data"] for answer in answers]
    assert sum(result["accepted"] for result in results) == len(made)
    assert sum(result["duplicates"] for result in results) == len(made)
    expected = fold_all(enrolled(FACTS | {"channel": "stable"}), made)
    assert await _stored(owner, agent) == _as_row(expected)


async def test_lists_and_singles_at_once_count_once_each(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    made = [check_in_at(clock.start - timedelta(seconds=90 - n), n, {}) for n in range(60)]
    singles = [agent.check_in(**posted(item)) for item in made]
    lists = [agent.check_in(checkIns=[posted(i) for i in made[n : n + 9]]) for n in range(52)]
    results = await asyncio.gather(*(r for pair in zip(singles, lists, strict=False) for r in pair))
    results += await asyncio.gather(*singles[len(lists) :])
    assert sum(result["accepted"] for result in results) == len(made)
    expected = fold_all(enrolled(FACTS | {"channel": "stable"}), made)
    assert await _stored(owner, agent) == _as_row(expected)


async def test_two_servers_count_each_check_in_once(
    agent: Agent,
    owner: AsyncEngine,
    clock: StoppedClock,
    databases: Databases,
) -> None:
    made = [
        check_in_at(clock.start - timedelta(seconds=90 - n), n, {"osVersion": f"15.{n // 20}"})
        for n in range(60)
    ]
    async with open_services(Settings(), databases, RING, clock) as second:
        transport = httpx.ASGITransport(app=create_app(second))
        async with httpx.AsyncClient(transport=transport, base_url="http://partner.test") as http:
            twin = replace(agent, tenant=replace(agent.tenant, http=http))
            accepted = await asyncio.gather(
                *(_accepted(server, item) for item in made for server in (agent, twin))
            )
    assert sum(accepted) == len(made)
    expected = fold_all(enrolled(FACTS | {"channel": "stable"}), made)
    assert await _stored(owner, agent) == _as_row(expected)


async def _accepted(agent: Agent, item: CheckIn) -> int:
    """How often a check-in counted; one that met too many others is posted again, as agents do."""
    for _ in range(20):
        answer = await agent.post_check_in(**posted(item))
        if answer.status_code != 503:
            break
    assert answer.status_code == 200, answer.text
    accepted: int = answer.json()["data"]["accepted"]
    return accepted


async def test_many_devices_at_once_each_count_their_own(
    tenant: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    ours, theirs = await tenant.create_organization(), await other_tenant.create_organization()
    first = await tenant.enroll(ours)
    agents = [
        first,
        await tenant.enroll(ours),
        await other_tenant.enroll(theirs, clientId=first.client_id),
    ]
    await asyncio.gather(
        *(
            agent.check_in(sequence=n, observedAt=format_timestamp(clock.start))
            for n in range(10)
            for count, agent in enumerate(agents, 1)
            if n < 3 * count
        )
    )
    assert [(await agent.read())["checkInCount"] for agent in agents] == [3, 6, 9]


def _arrived(rng: random.Random, now: datetime) -> list[CheckIn]:
    made = _made(rng, now)
    arrived = made if rng.random() < 0.3 else _displaced(rng, made)
    for _ in range(rng.randrange(8)):
        arrived.insert(rng.randrange(len(arrived)), rng.choice(arrived))
    return arrived


def _as_time_goes_by(rng: random.Random, clock: StoppedClock) -> Iterator[Sequence[CheckIn]]:
    """Mostly everyday check-ins of one who is sometimes away; repeats, late ones, news, lists."""
    number, said, last = 0, dict[str, str](), list[CheckIn]()
    for _ in range(30):
        now = clock.advance(seconds=rng.choice([20, 60, 60, 60, 60, 299, 301, 4000]))
        number += rng.choice([1, 1, 1, 1, 2, 62, 63, 64, 65, 1000, 0, -1, -70])
        if rng.random() < 0.1:
            said = said | {"osVersion": rng.choice(["15.3", "15.4", "16"])}
        late = rng.choice([0, 0, 0, 1, 50, 240, 500])
        number = max(number, 0)
        item = check_in_at(
            now - timedelta(seconds=late), rng.choice([number, number, None]), dict(said)
        )
        others = rng.choice([[], [], [], last, [item], [check_in_at(now, None, dict(said))]])
        last = [item, *others][:3]
        yield last


def _made(rng: random.Random, now: datetime) -> list[CheckIn]:
    """A device's check-ins: mostly alike, sometimes news, several at one instant, old ones."""
    at, number, said = now - timedelta(hours=3), rng.choice([0, 10**12]), dict[str, str]()
    numbered = rng.choice([1.0, 0.8, 0.0])
    made = []
    for _ in range(rng.randrange(25, 45)):
        step = rng.choice([0, 60, 60, 60, 60.000001, 240, -90])
        at += timedelta(seconds=step)
        number += rng.choice([1, 1, 1, 1, 2, 9])
        if rng.random() < 0.25:
            names = rng.sample(FACT_NAMES, rng.randrange(4))
            said = {name: rng.choice(["1.2", "1.10", "b", "B", "Straße", "张"]) for name in names}
        made.append(check_in_at(at, number if rng.random() < numbered else None, said))
    return made


def _displaced(rng: random.Random, made: Sequence[CheckIn]) -> list[CheckIn]:
    """None comes after one whose number is 64 higher."""
    reach = rng.choice([3, 20, 63])
    places = {id(item): (item.sequence or n) + reach * rng.random() for n, item in enumerate(made)}
    return sorted(made, key=lambda item: places[id(item)])


def _requests(rng: random.Random, arrived: Sequence[CheckIn]) -> Iterator[Sequence[CheckIn]]:
    place = 0
    while place < len(arrived):
        size = rng.choice([1, 1, 1, 1, 2, 7])
        yield arrived[place : place + size]
        place += size


async def _post(agent: Agent, rng: random.Random, request: Sequence[CheckIn]) -> Mapping[str, Any]:
    bodies = [posted(item) for item in request]
    if len(bodies) == 1 and rng.random() < 0.8:
        return await agent.check_in(**bodies[0])
    return await agent.check_in(checkIns=bodies)


async def _steps(agent: Agent) -> list[Mapping[str, Any]]:
    answer = await agent.tenant.get(f"/v1/devices/{agent.client_id}/status-history?limit=100")
    assert answer.status_code == 200, answer.text
    steps: list[Mapping[str, Any]] = answer.json()["data"]
    return steps


async def _stored(owner: AsyncEngine, agent: Agent, *more: str) -> dict[str, object]:
    columns = [Device.__table__.columns[name] for name in (*_ROW, *more)]
    statement = select(*columns).where(
        Device.msp_id == agent.tenant.msp_id, Device.client_id == parse_client_id(agent.client_id)
    )
    async with owner.connect() as connection:
        return dict((await connection.execute(statement)).one()._mapping)


_STATE = (
    "last_seen",
    "check_in_count",
    "sequence_high",
    "sequence_window",
    "facts_digest",
    "facts_stated",
    "facts_pinned",
    "facts_at",
)
_ROW = (*_STATE, *FACT_COLUMNS, "version_sort", "asset_sort")
_STANDING = ("stage", "stage_since", "is_current")


def _as_row(state: DeviceState) -> dict[str, object]:
    return {
        **{name: getattr(state, name) for name in _STATE},
        **dict(zip(FACT_COLUMNS, state.facts, strict=True)),
        "version_sort": version_sort(state.facts),
        "asset_sort": asset_sort(state.facts),
    }


def _shown(device: Mapping[str, Any]) -> dict[str, Any]:
    names = (*FACT_NAMES, "lastSeen", "lastCheckIn", "checkInCount")
    return {name: device[name] for name in names if name in device}


def _as_shown(state: DeviceState) -> dict[str, Any]:
    assert state.last_seen is not None
    seen = format_timestamp(state.last_seen)
    return {
        **stated_facts(state),
        "lastSeen": seen,
        "lastCheckIn": seen,
        "checkInCount": state.check_in_count,
    }
