"""Where JSON leaves room, one reading everywhere; and what is kept is kept as it was sent."""

import json

import pytest

from tests.factories.tenants import Agent
from tests.hostile.victims import Victim

PAYLOADS = {
    "NUL": rb'{"a": "\u0000"}',
    "NUL as a key": rb'{"\u0000": 1}',
    "controls": rb'{"a": "\u001b[2J\u0007"}',
    "right to left": '{"a": "\u202egnp.exe"}'.encode(),
    "SQL": b"""{"a": "'); drop table log_entries; --"}""",
    "HTML": b'{"a": "<script>alert(1)</script>"}',
    "huge integer": b'{"a": 18446744073709551615}',
    "small number": b'{"a": 5e-324}',
    "empty key": b'{"": ""}',
    "nested": b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}",
}
REFUSED = {
    "half a character": rb'{"a": "\ud800"}',
    "half a key": rb'{"\udc00": 1}',
    "broken UTF-8": b'{"a": "\xc3\x28"}',
    "NaN": b'{"a": NaN}',
    "beyond a double": b'{"a": 1e999}',
    "deep": b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "large": b'{"a": "' + b"x" * 20_000 + b'"}',
}


async def test_a_key_given_twice_has_its_last_value(agent: Agent) -> None:
    # As nearly every reader has it, so that nothing in front of us reads another.
    victim = Victim(agent, "")
    made = await victim.send("POST", "/v1/organizations", b'{"name": "First", "name": "Second"}')
    assert made.json()["data"]["name"] == "Second"
    await victim.send("POST", "/v1/agent/check-ins", b'{"os": "First", "os": "Second"}')
    assert (await agent.read())["os"] == "Second"


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
async def test_a_payload_is_kept_as_it_was_sent(agent: Agent, payload: bytes) -> None:
    body = b'[{"severity": "INFO", "payload": %b}]' % payload
    answer = await Victim(agent, "").send("POST", "/v1/agent/logs", body)
    assert answer.json()["data"] == {"accepted": 1, "rejected": []}
    (entry,) = (await agent.tenant.get(f"/v1/devices/{agent.client_id}/logs")).json()["data"]
    assert entry["payload"] == {**json.loads(payload), "clientId": agent.client_id}


@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
async def test_a_payload_that_cannot_be_kept_spoils_no_other(agent: Agent, payload: bytes) -> None:
    body = b'[{"severity": "INFO", "payload": %b}, {"severity": "INFO", "payload": {}}]' % payload
    answer = await Victim(agent, "").send("POST", "/v1/agent/logs", body)
    entries = (await agent.tenant.get(f"/v1/devices/{agent.client_id}/logs")).json()["data"]
    if answer.status_code == 400:
        assert entries == []
        return
    data = answer.json()["data"]
    assert (data["accepted"], [rejected["index"] for rejected in data["rejected"]]) == (1, [0])
    assert len(entries) == 1
