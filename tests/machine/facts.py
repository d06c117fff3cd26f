"""What is true of a fleet at every moment, read from the API and from the database."""

from collections import Counter
from itertools import groupby, pairwise, product
from typing import Any

from sqlalchemy import text

from partner_api.devices.health import matching_states
from partner_api.kernel.ids import format_client_id
from partner_api.organizations.models import COUNTERS
from partner_api.status.rules import STATES, Connection, Health, Stage, State, Thresholds
from tests.machine.drama import Drama
from tests.machine.support import uuid_of

FILTERS = [pair for pair in product((None, *Health), (None, *Connection)) if any(pair)]


async def assert_told(drama: Drama) -> None:
    """Lists, filters, statistics and single devices say what the rules say."""
    # A stopped clock outlives what is remembered for a second.
    drama.parts.services.devices._counts._flights._landed.clear()
    states = drama.oracle.states(drama.now)
    assert await _listed(drama) == {
        client_id: (state.connection, state.health, state.is_current)
        for client_id, state in states.items()
    }
    await _assert_filtered(drama)
    await _assert_counted(drama)
    for client_id, state in list(states.items())[:2]:
        device = await drama.agents[client_id].read()
        assert (device["connectionState"], device["status"]) == (state.connection, state.health)


async def assert_recorded(drama: Drama) -> None:
    """What is stored is what the rules say, once the worker has done its work."""
    stored = await _rows(drama, _DEVICES)
    assert {
        format_client_id(row.client_id): (State(Stage(row.stage), row.is_current), _ages(row))
        for row in stored
    } == {
        client_id: (state, drama.oracle.thresholds[drama.oracle.devices[client_id].org_id])
        for client_id, state in drama.oracle.states(drama.now).items()
    }
    for row in await _rows(drama, _COUNTERS):
        found = {state: row._mapping[name] for state, name in zip(STATES, COUNTERS, strict=True)}
        org_id = f"org_{row.org_id}"
        assert Counter(found) == drama.oracle.count(drama.now, [org_id])


async def assert_history_holds(drama: Drama) -> None:
    """Each device's steps make one chain that ends where its row stands."""
    last = {
        row.client_id: (State(Stage(row.stage), row.is_current), row.stage_since, row.org_id)
        for row in await _rows(drama, _DEVICES)
    }
    rows = await _rows(drama, _STEPS)
    assert last.keys() <= {row.client_id for row in rows}
    for client_id, group in groupby(rows, key=lambda row: row.client_id):
        steps = list(group)
        _assert_chained(steps)
        if client_id not in last:
            assert steps[-1].cause == "deleted"
            continue
        state, since, org_id = last[client_id]
        assert _labels(steps[-1].state_after) == (state.connection, state.health)
        assert (steps[-1].at, steps[-1].org_id) == (since, org_id)


async def recorded_steps(drama: Drama) -> list[Any]:
    """Every step of every device, comparable with those of another fleet that lived the same."""
    places = {str(uuid_of(org_id)): place for place, org_id in enumerate(drama.org_ids)}
    return [
        (
            row.client_id,
            row.at,
            places[str(row.org_id)],
            row.state_before,
            row.state_after,
            row.cause,
        )
        for row in await _rows(drama, _STEPS)
    ]


def _assert_chained(steps: list[Any]) -> None:
    for before, after in pairwise([None, *steps]):
        ended = before is None or before.cause == "deleted"
        assert (after.state_before is None) == (after.cause == "enrolled" and ended) == ended
        assert (after.state_after is None) == (after.cause == "deleted")
        assert (after.from_org_id is not None) == (after.cause == "moved")
        # Only a move may lead from a state to the same.
        assert after.cause == "moved" or _labels(after.state_before) != _labels(after.state_after)
        if before is not None:
            assert before.at < after.at
            assert _labels(before.state_after) == _labels(after.state_before)
            assert ended or before.org_id == (after.from_org_id or after.org_id)


async def _listed(drama: Drama, **query: str) -> dict[str, Any]:
    answer = await drama.tenant.get("/v1/devices", params={"limit": "1000", **query})
    assert answer.status_code == 200, answer.text
    devices = answer.json()["data"]
    assert answer.json()["meta"]["total"] == len(devices)
    return {
        each["clientId"]: (each["connectionState"], each["status"], each["isCurrentVersion"])
        for each in devices
    }


async def _assert_filtered(drama: Drama) -> None:
    states = drama.oracle.states(drama.now)
    for health, connection in FILTERS[drama.sequence % 5 :: 5]:
        query = {"status": health, "connectionState": connection}
        found = await _listed(drama, **{name: value for name, value in query.items() if value})
        wanted = [STATES[number] for number in matching_states(health, connection)]
        assert found.keys() == {each for each, state in states.items() if state in wanted}


async def _assert_counted(drama: Drama) -> None:
    data = (await drama.tenant.get(f"/v1/msp/{drama.tenant.msp}/stats")).json()["data"]
    counts = drama.oracle.count(drama.now, drama.org_ids)
    for health in Health:
        expected = sum(n for state, n in counts.items() if state.health is health)
        assert data[health.value] == expected
    assert data["totalDevices"] == counts.total()
    for org_id in drama.org_ids:
        answer = (await drama.tenant.get(f"/v1/organizations/{org_id}")).json()["data"]
        of_one = drama.oracle.count(drama.now, [org_id])
        assert answer["stats"]["connectionStates"] == {
            connection.value: sum(
                n for state, n in of_one.items() if state.connection is connection
            )
            for connection in Connection
        }


def _ages(row: Any) -> Thresholds:
    return Thresholds(row.streaming_seconds, row.online_seconds, row.critical_seconds)


def _labels(number: int | None) -> tuple[Connection, Health] | None:
    if number is None:
        return None
    state = State.from_number(number)
    return state.connection, state.health


async def _rows(drama: Drama, statement: Any) -> list[Any]:
    async with drama.parts.owner.connect() as connection:
        rows = await connection.execute(statement, {"msp_id": drama.tenant.msp_id})
        return list(rows)


_DEVICES = text("select * from devices where msp_id = :msp_id")
_COUNTERS = text("select * from organization_counters where msp_id = :msp_id")
_STEPS = text("select * from device_transitions where msp_id = :msp_id order by client_id, at")
