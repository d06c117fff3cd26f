"""Two servers on one database: they share nothing else, and nobody can tell them apart."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

from tests.blackbox.server import TLS, Integrator, Server, run_cli, wait_until

DEVICES = 24
ROUNDS = 12
CHECK_INS = "/v1/agent/check-ins"
SEEN_WITHIN_SECONDS = 5.0


@pytest.fixture(scope="module")
def second(server: Server) -> Iterator[Server]:
    other = Server(server.data_dir).start()
    yield other
    other.stop()


async def test_every_check_in_counts_once_whichever_server_takes_it_and_nobody_waits_for_ever(
    server: Server, second: Server, integrator: Integrator
) -> None:
    """Single check-ins, lists and relays of the same devices at once, each sent to both servers."""
    org_id = integrator.create_organization("Two Doors Down")
    devices = [integrator.enroll(org_id) for _ in range(DEVICES)]
    before = _deadlocks(server)
    async with httpx.AsyncClient(timeout=30, verify=TLS) as http:
        requests = [
            request
            for number in range(1, ROUNDS + 1)
            for url in (server.url, second.url)
            for request in _requests(http, url, integrator, devices, number)
        ]
        random.shuffle(requests)
        gate = asyncio.Semaphore(48)

        async def send(request: httpx.Request) -> Any:
            async with gate:
                answer = await http.send(request)
            assert answer.status_code == 200, answer.text
            return answer.json()["data"]

        answers = await asyncio.gather(*map(send, requests))
    totals = sum(
        (Counter({k: each[k] for k in ("accepted", "duplicates")}) for each in answers), Counter()
    )
    assert totals == {"accepted": DEVICES * ROUNDS, "duplicates": DEVICES * ROUNDS * 3}
    for url in (server.url, second.url):
        reader = replace(integrator, url=url)
        listed = reader.get(f"/v1/devices?orgId={org_id}&limit=1000")["data"]
        assert {device["checkInCount"] for device in listed} == {ROUNDS}
        stats = reader.get(f"/v1/msp/{integrator.msp['mspId']}/stats")["data"]
        assert (stats["totalDevices"], stats["healthy"]) == (DEVICES, DEVICES)
    assert _deadlocks(server) == before


def test_what_one_server_changes_the_other_knows(
    server: Server, second: Server, integrator: Integrator
) -> None:
    there = replace(integrator, url=second.url)
    org_id = integrator.create_organization("Seen Next Door")
    client_id, headers = there.enroll(org_id)
    assert httpx.post(
        server.url + CHECK_INS, json={}, headers=headers, timeout=20, verify=TLS
    ).is_success
    assert there.get(f"/v1/devices/{client_id}")["data"]["status"] == "healthy"
    made = there.post(f"/v1/organizations/{org_id}/enrollment-tokens", {}).json()["data"]
    path = f"/v1/organizations/{org_id}/enrollment-tokens/{made['id']}"
    assert httpx.delete(
        server.url + path, headers=integrator.headers, timeout=20, verify=TLS
    ).is_success
    refused = httpx.post(
        f"{second.url}/v1/agent/enroll",
        json={"os": "linux", "arch": "x86_64", "currentVersion": "1.0.0"},
        headers={"Authorization": f"Bearer {made['token']}"},
        timeout=20,
        verify=TLS,
    )
    assert refused.status_code == 401


def test_a_disabled_credential_is_refused_by_both_in_time(
    second: Server, integrator: Integrator
) -> None:
    there = replace(integrator, url=second.url)
    for reader in (integrator, there):
        reader.get("/v1/organizations")
    done = run_cli(second.data_dir, "credential", "disable", integrator.msp["clientId"])
    assert done.returncode == 0, done.stderr
    for reader in (integrator, there):
        wait_until(partial(_is_refused, reader), SEEN_WITHIN_SECONDS, "the end of the token")


def _is_refused(reader: Integrator) -> bool:
    return reader.ask("/v1/organizations").status_code == 401


def _requests(
    http: httpx.AsyncClient,
    url: str,
    integrator: Integrator,
    devices: list[tuple[str, dict[str, str]]],
    number: int,
) -> Iterator[httpx.Request]:
    said = {"sequence": number, "currentVersion": f"1.0.{number % 3}"}
    for _, headers in devices:
        yield http.build_request("POST", url + CHECK_INS, json=said, headers=headers)
    items = [{**said, "clientId": client_id} for client_id, _ in devices]
    yield http.build_request(
        "POST", f"{url}/v1/check-ins", json={"checkIns": items}, headers=integrator.headers
    )


def _deadlocks(server: Server) -> int:
    return (server.data_dir / "postgres.log").read_text(errors="replace").count("deadlock")
