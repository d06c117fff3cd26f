"""What a reader of the code found, kept from coming back."""

import json

from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent


async def test_a_late_check_in_changes_no_fact_after_enrolling_again(
    agent: Agent, clock: StoppedClock
) -> None:
    clock.advance(minutes=30)
    await agent.check_in(currentVersion="3.0", userName="C")
    token = await agent.tenant.create_enrollment_token(agent.org_id)
    answer = await agent.tenant.http.post(
        "/v1/agent/enroll",
        json={**FACTS, "clientId": agent.client_id, "currentVersion": "4.0", "userName": "D"},
        headers={"Authorization": f"Bearer {token}"},
    )
    agent.token = answer.json()["data"]["deviceToken"]
    late = clock.start.isoformat()
    await agent.check_in(observedAt=late, currentVersion="0.1", userName="OLD")
    device = await agent.read()
    assert (device["currentVersion"], device["userName"]) == ("4.0", "D")


async def test_half_a_character_in_one_item_spoils_no_other(agent: Agent) -> None:
    body = (
        '{"checkIns": [{"sequence": 1}, {"sequence": 2, "userName": "cut \\ud83d"},'
        ' {"sequence": 3, "userName": "whole \\ud83d\\ude00"}]}'
    )
    answer = await agent.tenant.http.post(
        "/v1/agent/check-ins",
        content=body.encode(),
        headers={**agent.headers, "Content-Type": "application/json"},
    )
    data = answer.json()["data"]
    assert data["accepted"] == 2
    assert [row["index"] for row in data["rejected"]] == [1]
    assert (await agent.read())["userName"] == "whole \U0001f600"


async def test_half_a_character_in_one_log_line_spoils_no_other(agent: Agent) -> None:
    body = (
        '[{"severity": "info", "payload": {"a": "\\ud83d"}}, {"severity": "info", "payload": {}}]'
    )
    answer = await agent.tenant.http.post(
        "/v1/agent/logs",
        content=body.encode(),
        headers={**agent.headers, "Content-Type": "application/json"},
    )
    data = answer.json()["data"]
    assert (data["accepted"], [row["index"] for row in data["rejected"]]) == (1, [0])


async def test_lines_of_one_instant_are_read_newest_first_as_they_were_sent(agent: Agent) -> None:
    lines = [{"severity": "info", "payload": {"n": n}} for n in range(50)]
    assert (await agent.post_logs(lines)).status_code == 202
    read = (await agent.tenant.get(f"/v1/devices/{agent.client_id}/logs")).json()["data"]
    assert [entry["payload"]["n"] for entry in read] == list(reversed(range(50)))


async def test_a_bad_sent_at_is_refused_also_without_an_observed_at(agent: Agent) -> None:
    assert (await agent.post_check_in(sentAt="bad")).status_code == 400


async def test_enrolling_asks_for_the_token_before_it_looks_at_the_body(agent: Agent) -> None:
    answer = await agent.tenant.http.post("/v1/agent/enroll", content=b"not json")
    assert answer.status_code == 401


async def test_a_head_request_is_answered_like_get(agent: Agent) -> None:
    got = await agent.tenant.http.get("/v1/health")
    head = await agent.tenant.http.head("/v1/health")
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(got.content))


async def test_a_body_that_announces_too_much_is_refused_unread(agent: Agent) -> None:
    answer = await agent.tenant.http.post(
        "/v1/organizations",
        content=b"{}",
        headers={**agent.tenant.headers, "Content-Length": "3000000"},
    )
    assert answer.status_code == 413
    assert set(json.loads(answer.content)) == {"error", "message"}
