"""Queries nobody means well; and the characters that mean something to SQL and LIKE."""

from datetime import timedelta

import pytest

from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.hostile.victims import Victim, refusal

HUGE = "1" + "0" * 400
INJECTION = "status; drop table devices --"

DEVICES = {
    "negative limit": "limit=-1",
    "no limit": "limit=0",
    "huge limit": "limit=" + HUGE,
    "huge negative limit": "limit=-" + HUGE,
    "limit with a fraction": "limit=1.5",
    "limit with an exponent": "limit=1e2",
    "limit with an underscore": "limit=1_0",
    "limit with a sign": "limit=%2B5",
    "limit in other digits": "limit=%D9%A3",
    "NaN limit": "limit=NaN",
    "NUL limit": "limit=%00",
    "NUL in q": "q=%00",
    "controls in q": "q=a%0d%0ab",
    "broken UTF-8 in q": "q=%c3%28",
    "half a character in q": "q=%ed%a0%80",
    "broken UTF-8 in an unknown name": "%ff=1",
    "long q": "q=" + "x" * 10_000,
    "SQL in sortBy": "sortBy=" + INJECTION.replace(" ", "%20"),
    "quote in sortBy": "sortBy=%27",
    "column in sortBy": "sortBy=msp_id",
    "two orders": "sortOrder=asc,desc",
    "NUL in status": "status=critical%00",
    "list of states": "connectionState=idle,offline",
    "SQL in orgId": "orgId=org_%27%20or%201%3D1",
    "NUL in orgId": "orgId=%00",
    "made-up cursor": "cursor=" + "A" * 60,
    "NUL in cursor": "cursor=%00",
    "long cursor": "cursor=" + "A" * 20_000,
    "unknown include": "include=tags,password",
    "twice": "limit=1&limit=2",
}

# Everything that claims to be an instant and is none we know.
INSTANTS = [
    "infinity",
    "-infinity",
    "now",
    "epoch",
    "0",
    "1e400",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "-2026-01-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:61Z",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "2026-01-01T00:00:00+99:00",
    "2026-01-01T00:00:00 Europe/Berlin",
    "2026-W01-1T00:00:00Z",
    "٢٠٢٦-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\x00",
    "9" * 10_000,
]


@pytest.mark.parametrize("query", DEVICES.values(), ids=DEVICES.keys())
async def test_a_hostile_query_is_refused(victim: Victim, query: str) -> None:
    message = refusal(await victim.tenant.get(f"/v1/devices?{query}"))
    assert "drop table" not in message
    assert "items after validation" not in message


@pytest.mark.parametrize("instant", INSTANTS)
async def test_what_is_no_instant_is_refused(victim: Victim, instant: str) -> None:
    for name in ("from", "to"):
        path = f"/v1/devices/{victim.agent.client_id}/logs"
        assert name in refusal(await victim.tenant.get(path, params={name: instant}))
    for name in ("observedAt", "sentAt"):
        answer = await victim.agent.post_check_in(**{name: instant})
        assert name in refusal(answer)
    line = {"severity": "INFO", "payload": {}, "timestamp": instant}
    data = (await victim.agent.post_logs([line])).json()["data"]
    assert (data["accepted"], len(data["rejected"])) == (0, 1)


async def test_a_leap_second_is_the_end_of_its_minute(tenant: Tenant, clock: StoppedClock) -> None:
    agent = await tenant.enroll(await tenant.create_organization())
    minute = f"{clock.now() - timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    data = await agent.check_in(observedAt=f"{minute}:60Z")
    assert data["lastSeen"].startswith(f"{minute}:59.999")


@pytest.mark.parametrize("wild", ["%", "_", "\\", "'", '"', "%%", "*", "?", "[a-z]", "$1", "NULL"])
async def test_a_search_takes_every_character_as_it_is(tenant: Tenant, wild: str) -> None:
    org_id = await tenant.create_organization()
    await tenant.enroll(org_id, assetId="plain")
    meant = await tenant.enroll(org_id, assetId=f"a{wild}b")
    found = (await tenant.get("/v1/devices", params={"q": wild})).json()["data"]
    assert [device["clientId"] for device in found] == [meant.client_id]
