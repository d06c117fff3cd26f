"""The sweep of a running server: in time, and once, also when it is killed."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.blackbox.server import Integrator, Server, wait_until
from tests.faults.administrator import administering

STREAMING = 60

Recorded = Callable[[str], list[datetime]]


@pytest.fixture
def recorded(data_dir: Path, server: Server) -> Iterator[Recorded]:  # noqa: ARG001 - runs it
    """When the database says a device stopped streaming."""
    with administering(data_dir) as fetch:
        yield lambda client_id: [row[0] for row in fetch(_STEPS.format(client_id))]


@pytest.fixture
def quick(integrator: Integrator) -> Integrator:
    """An MSP whose devices stop streaming after a minute."""
    answer = httpx.patch(
        f"{integrator.url}/v1/msp/settings",
        json={"streamingSeconds": STREAMING},
        headers=integrator.headers,
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    return integrator


def seen(quick: Integrator, ago: float) -> tuple[str, datetime]:
    """A device that checks in late, and the moment it stops streaming."""
    client_id, headers = quick.enroll(quick.create_organization())
    now = datetime.now(UTC)
    body = {"observedAt": (now - timedelta(seconds=ago)).isoformat(), "sentAt": now.isoformat()}
    url = f"{quick.url}/v1/agent/check-ins"
    httpx.post(url, json=body, headers=headers, timeout=20).raise_for_status()
    last_seen = quick.get(f"/v1/devices/{client_id}")["data"]["lastSeen"]
    return client_id, datetime.fromisoformat(last_seen) + timedelta(seconds=STREAMING)


def test_a_threshold_is_recorded_within_two_seconds(quick: Integrator, recorded: Recorded) -> None:
    client_id, due = seen(quick, ago=STREAMING - 3)
    wait_until(lambda: recorded(client_id) != [], 10, "the step")
    noticed = datetime.now(UTC)
    assert recorded(client_id) == [due]
    assert timedelta(0) <= noticed - due <= timedelta(seconds=2)


def test_a_killed_sweep_records_what_it_missed_at_its_moment_and_once(
    server: Server, quick: Integrator, recorded: Recorded
) -> None:
    client_id, due = seen(quick, ago=STREAMING - 3)
    for _ in range(4):
        for process in server.children("partner_api.worker"):
            process.kill()
        time.sleep(1)
    wait_until(lambda: recorded(client_id) != [], 15, "the step")
    time.sleep(1.5)
    assert recorded(client_id) == [due]
    step: dict[str, Any] = quick.get(f"/v1/devices/{client_id}/status-history")["data"][0]
    assert (step["cause"], datetime.fromisoformat(step["at"])) == ("threshold", due)


_STEPS = "select at from device_transitions where client_id = '{}' and cause = 'threshold'"
