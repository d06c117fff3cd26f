"""A device's log: what is taken, and how it is read."""

import random
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant

Line = dict[str, Any]


def wire(instant: datetime) -> str:
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def line(text: str = "", severity: str = "INFO", at: datetime | None = None) -> Line:
    made: Line = {"severity": severity, "payload": {"text": text}}
    return made if at is None else {**made, "timestamp": wire(at)}


async def take(agent: Agent, *lines: Line) -> dict[str, Any]:
    answer = await agent.post_logs(list(lines))
    assert answer.status_code == 202, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def read(agent: Agent, **parameters: Any) -> list[dict[str, Any]]:
    path = f"/v1/devices/{agent.client_id}/logs"
    answer = await agent.tenant.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["data"]
    return entries


def texts(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["payload"]["text"] for entry in entries]


async def walk(agent: Agent, **parameters: Any) -> list[dict[str, Any]]:
    """Every entry, page by page."""
    path, entries = f"/v1/devices/{agent.client_id}/logs", []
    while True:
        answer = await agent.tenant.get(path, params=parameters)
        page = answer.json()
        entries += page["data"]
        assert page["meta"]["count"] == len(page["data"]) <= page["meta"]["limit"]
        following = page["meta"].get("nextCursor")
        assert (following is None) == ("Link" not in answer.headers)
        if following is None:
            return entries
        assert answer.headers["Link"].startswith(f"<{path}?")
        assert answer.headers["Link"].endswith('>; rel="next"')
        assert answer.links["next"]["url"].startswith("/")
        parameters["cursor"] = following


async def test_an_entry_is_readable_as_soon_as_its_post_is_answered(
    agent: Agent, clock: StoppedClock
) -> None:
    assert await take(agent, line("now")) == {"accepted": 1, "rejected": []}
    (entry,) = await read(agent)
    assert entry == {
        "timestamp": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "severity": "INFO",
        "payload": {"text": "now", "clientId": agent.client_id},
    }


async def test_logs_do_not_make_a_device_seen(agent: Agent) -> None:
    await take(agent, line("hello"))
    device = await agent.read()
    assert "lastSeen" not in device
    assert device["status"] == "critical"


@pytest.mark.parametrize(
    ("sent", "answered"),
    [("Warning", "WARN"), ("notice", "INFO"), ("FATAL", "ERROR"), ("emergency", "ERROR")],
)
async def test_severities_are_answered_as_those_four(
    agent: Agent, sent: str, answered: str
) -> None:
    await take(agent, line(severity=sent))
    assert [entry["severity"] for entry in await read(agent)] == [answered]


async def test_level_matches_exactly(agent: Agent) -> None:
    words = ("debug", "info", "notice", "warn", "warning", "error", "critical", "alert")
    await take(agent, *(line(word, word) for word in words))
    found = {level: set(texts(await read(agent, level=level))) for level in words[:2]}
    found |= {level: set(texts(await read(agent, level=level))) for level in ("warn", "error")}
    assert found == {
        "debug": {"debug"},
        "info": {"info", "notice"},
        "warn": {"warn", "warning"},
        "error": {"error", "critical", "alert"},
    }


async def test_the_newest_entry_comes_first(agent: Agent, clock: StoppedClock) -> None:
    ages = list(range(40))
    random.Random(7).shuffle(ages)
    for part in (ages[:15], ages[15:]):
        at = [(age, clock.now() - timedelta(hours=age, microseconds=age)) for age in part]
        await take(agent, *(line(str(age), at=instant) for age, instant in at))
    assert texts(await read(agent)) == [str(age) for age in range(40)]
    assert texts(await read(agent, limit=3)) == ["0", "1", "2"]


async def test_from_and_to_are_both_included(agent: Agent, clock: StoppedClock) -> None:
    instants = [clock.now() - timedelta(minutes=age) for age in range(5)]
    await take(agent, *(line(str(age), at=at) for age, at in enumerate(instants)))
    first, last = wire(instants[3]), wire(instants[1])
    assert texts(await read(agent, **{"from": first})) == ["0", "1", "2", "3"]
    assert texts(await read(agent, to=last)) == ["1", "2", "3", "4"]
    assert texts(await read(agent, **{"from": first, "to": last})) == ["1", "2", "3"]
    assert await read(agent, **{"from": last, "to": first}) == []
    await take(agent, line("warned", "WARN", instants[2]))
    assert texts(await read(agent, level="warn", to=last)) == ["warned"]
    assert await read(agent, level="error", to=last) == []


async def test_a_payload_holds_the_devices_own_id_whatever_it_claims(agent: Agent) -> None:
    await take(agent, {"severity": "INFO", "payload": {"clientId": "somebody else"}})
    await take(agent, {"severity": "INFO", "payload": {}})
    for entry in await read(agent):
        assert entry["payload"] == {"clientId": agent.client_id}


PAYLOADS: list[dict[str, Any]] = [
    {"text": 'quotes " and \\ and \u2028', "null": None, "flag": True, "list": [1, {"a": []}]},
    {"nul": "\x00", "control": "\x1b[0m", "emoji": "🛰", "": "empty key"},
    {"float": 12.5, "negative": -0.5, "large": 2**63 - 1, "small": 5e-324},
    {"a": {"b": {"c": {"d": {}}}}, "sql": "'; drop table logs; --"},
]


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_payload_is_answered_as_it_was_sent(agent: Agent, payload: dict[str, Any]) -> None:
    await take(agent, {"severity": "INFO", "payload": payload})
    (entry,) = await read(agent)
    assert entry["payload"] == {**payload, "clientId": agent.client_id}


@pytest.mark.parametrize(
    "payload",
    [
        b'{"deep":' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"deep":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"deep":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"deep":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"huge":123456789012345678901234567890}',
        b'{"huge":1e400}',
        b'{"lone":"\\ud800"}',
        b'{"twice":1,"twice":2}',
    ],
    ids=lambda payload: payload[:24].decode(),
)
async def test_whatever_was_taken_can_be_read(agent: Agent, payload: bytes) -> None:
    """One odd entry must not hide a device's log."""
    body = b'[{"severity":"INFO","payload":' + payload + b'},{"severity":"INFO","payload":{}}]'
    headers = {**agent.headers, "Content-Type": "application/json"}
    posted = await agent.tenant.http.post("/v1/agent/logs", content=body, headers=headers)
    if posted.status_code == 400:
        assert await read(agent) == []
        return
    assert posted.status_code == 202, posted.text
    assert len(await read(agent)) == posted.json()["data"]["accepted"] > 0


async def test_thirty_days_are_kept_and_the_future_is_now(
    agent: Agent, clock: StoppedClock
) -> None:
    now, tick = clock.now(), timedelta(microseconds=1)
    ages = {
        "oldest": now - timedelta(days=30),
        "too old": now - timedelta(days=30) - tick,
        "ahead": now + timedelta(seconds=60),
        "too far ahead": now + timedelta(seconds=60) + tick,
        "tomorrow": now + timedelta(days=20),
    }
    data = await take(agent, *(line(text, at=at) for text, at in ages.items()))
    assert data["accepted"] == 4
    (rejected,) = data["rejected"]
    assert rejected["index"] == 1
    assert "30 days" in rejected["message"]
    kept = {entry["payload"]["text"]: entry["timestamp"] for entry in await read(agent)}
    seconds = "%Y-%m-%dT%H:%M:%SZ"
    assert kept == {
        "oldest": ages["oldest"].strftime(seconds),
        "ahead": ages["ahead"].strftime(seconds),
        "too far ahead": now.strftime(seconds),
        "tomorrow": now.strftime(seconds),
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"severity": "LOUD", "payload": {}},
        {"severity": "", "payload": {}},
        {"severity": 3, "payload": {}},
        {"severity": None, "payload": {}},
        {"payload": {}},
        {"severity": "INFO"},
        {"severity": "INFO", "payload": []},
        {"severity": "INFO", "payload": "text"},
        {"severity": "INFO", "payload": None},
        {"severity": "INFO", "payload": {}, "timestamp": "yesterday"},
        {"severity": "INFO", "payload": {}, "timestamp": 1771934100},
        {"severity": "INFO", "payload": {}, "timestamp": "2026-02-24T11:55:00"},
        "text",
        7,
        None,
        [],
    ],
)
async def test_a_bad_entry_is_rejected_alone(agent: Agent, bad: Any) -> None:
    data = await take(agent, line("first"), bad, line("last"))
    assert data["accepted"] == 2
    (rejected,) = data["rejected"]
    assert rejected["index"] == 1
    assert rejected["message"]
    assert sorted(texts(await read(agent))) == ["first", "last"]


async def test_no_entries_at_all_are_fine(agent: Agent) -> None:
    assert await take(agent) == {"accepted": 0, "rejected": []}
    assert await read(agent) == []


@pytest.mark.parametrize("body", [{}, {"logs": []}, "text", 7])
async def test_a_body_that_is_no_array_is_refused(agent: Agent, body: object) -> None:
    answer = await agent.post_logs(body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"


async def test_five_hundred_entries_are_taken_at_once(agent: Agent) -> None:
    data = await take(agent, *(line(str(number)) for number in range(500)))
    assert data == {"accepted": 500, "rejected": []}
    assert len(await read(agent, limit=500)) == 500
    assert (await agent.post_logs([line("x")] * 501)).status_code == 400
    assert len(await walk(agent, limit=500)) == 500


async def test_a_walk_shows_every_entry_once_newest_first(
    agent: Agent, clock: StoppedClock
) -> None:
    chance = random.Random(11)
    instants = [clock.now() - timedelta(seconds=chance.randrange(12)) for _ in range(60)]
    await take(agent, *(line(str(n), at=at) for n, at in enumerate(instants)))
    whole = await read(agent, limit=500)
    for limit in (1, 7, 20, 59, 60, 61):
        assert await walk(agent, limit=limit) == whole
    assert sorted(texts(whole), key=int) == [str(n) for n in range(60)]
    stamps = [entry["timestamp"] for entry in whole]
    assert stamps == sorted(stamps, reverse=True)
    since = wire(clock.now() - timedelta(seconds=5))
    filtered = await walk(agent, limit=4, level="info", **{"from": since})
    assert filtered == [entry for entry in whole if entry["timestamp"] >= since[:19]]


async def test_entries_that_arrive_during_a_walk_disturb_nothing(
    agent: Agent, clock: StoppedClock
) -> None:
    ages = range(10)
    await take(agent, *(line(str(a), at=clock.now() - timedelta(hours=a)) for a in ages))
    path = f"/v1/devices/{agent.client_id}/logs"
    page = (await agent.tenant.get(path, params={"limit": 4})).json()
    await take(agent, line("new"))
    rest = await walk(agent, limit=4, cursor=page["meta"]["nextCursor"])
    assert texts(page["data"] + rest) == [str(age) for age in ages]


async def test_a_cursor_opens_its_own_walk_only(agent: Agent, tenant: Tenant) -> None:
    await take(agent, line("1"), line("2"))
    path = f"/v1/devices/{agent.client_id}/logs"
    cursor = (await tenant.get(path, params={"limit": 1})).json()["meta"]["nextCursor"]
    neighbour = await tenant.enroll(agent.org_id)
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "Q")
    first = ("B" if cursor[0] != "B" else "C") + cursor[1:]
    refused: list[tuple[str, dict[str, Any]]] = [
        (path, {"cursor": flipped + "AA"}),
        (path, {"cursor": first}),
        (path, {"cursor": cursor[:-8]}),
        (path, {"cursor": cursor, "level": "info"}),
        (path, {"cursor": cursor, "from": "2026-01-01T00:00:00Z"}),
        (f"/v1/devices/{neighbour.client_id}/logs", {"cursor": cursor}),
        ("/v1/devices", {"cursor": cursor}),
        ("/v1/organizations", {"cursor": cursor}),
    ]
    for url, parameters in refused:
        answer = await tenant.get(url, params=parameters)
        assert answer.status_code == 400, (url, parameters)
        assert answer.json()["message"].startswith("cursor")
    assert (await tenant.get(path, params={"cursor": cursor, "limit": 9})).status_code == 200


async def test_another_devices_log_is_another_log(agent: Agent, tenant: Tenant) -> None:
    neighbour = await tenant.enroll(agent.org_id)
    await take(agent, line("mine"))
    await take(neighbour, line("theirs"))
    assert texts(await read(agent)) == ["mine"]
    assert texts(await read(neighbour)) == ["theirs"]


async def test_a_dead_token_writes_nothing(agent: Agent, http: httpx.AsyncClient) -> None:
    stale = {"Authorization": f"Bearer {agent.token[:-8]}AAAAAAAA"}
    answer = await http.post("/v1/agent/logs", json=[line("forged")], headers=stale)
    assert answer.status_code == 401
    assert await read(agent) == []
