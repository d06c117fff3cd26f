"""History as an integrator reads it."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from partner_api.kernel.timestamps import format_timestamp, parse_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.fleet.fleets import pages

Json = dict[str, Any]
STATES = ("streaming", "idle", "offline", "healthy", "warning", "critical")


def instant(text: str) -> datetime:
    found = parse_timestamp(text)
    assert found is not None
    return found


async def later(tenant: Tenant, clock: StoppedClock, **by: float) -> datetime:
    """Let time pass; an access token lasts an hour of it."""
    now = clock.advance(**by)
    tenant.token = (await tenant.request_token()).json()["access_token"]
    return now


async def ask(tenant: Tenant, path: str, **query: Any) -> httpx.Response:
    """A GET; instants in the query may be datetimes."""
    query = {"from" if name == "since" else name: value for name, value in query.items()}
    params = {
        name: format_timestamp(value) if isinstance(value, datetime) else value
        for name, value in query.items()
    }
    return await tenant.get(path, params=params)


async def read(tenant: Tenant, path: str, **query: Any) -> Any:
    answer = await ask(tenant, path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def steps(agent: Agent, **query: Any) -> list[Json]:
    """Every step of a device that matches, newest first, on one page."""
    page = await read(agent.tenant, history_of(agent), limit=1000, **query)
    assert page["meta"] == {"total": len(page["data"])}
    found: list[Json] = page["data"]
    return found


async def walked(agent: Agent, size: int) -> list[Json]:
    """The same, read page by page."""
    found: list[Json] = []
    totals = set()
    async for page in pages(agent.tenant, history_of(agent), {"limit": size}):
        found += page.json()["data"]
        totals.add(page.json()["meta"]["total"])
    assert totals == {len(found)}
    return found


async def explained(agent: Agent) -> Json:
    """A device with its status explained."""
    answer = await read(agent.tenant, f"/v1/devices/{agent.client_id}", include="status")
    found: Json = answer["data"]
    return found


async def availability(tenant: Tenant, path: str, **query: Any) -> Json:
    """What an availability says, once it is seen to be consistent in itself."""
    data: Json = (await read(tenant, f"{path}/availability", **query))["data"]
    seconds, share = data["seconds"], data["share"]
    assert tuple(seconds) == tuple(share) == STATES
    whole = sum(seconds[state] for state in STATES[:3])
    assert abs(whole - sum(seconds[state] for state in STATES[3:])) < 1e-6
    for state in STATES:
        assert seconds[state] >= 0
        assert abs(share[state] * whole - seconds[state]) < 1e-6
    return data


def history_of(agent: Agent) -> str:
    return f"/v1/devices/{agent.client_id}/status-history"


def brief(step: Json) -> tuple[str, str, str]:
    """A step as from, to and cause, such as ("streaming healthy", "idle healthy", "threshold")."""
    return _labels(step.get("from")), _labels(step.get("to")), step["cause"]


def ago(clock: StoppedClock, step: Json) -> timedelta:
    return clock.now() - instant(step["at"])


def _labels(state: Json | None) -> str:
    return "" if state is None else f"{state['connectionState']} {state['status']}"
