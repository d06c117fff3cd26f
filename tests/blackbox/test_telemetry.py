"""Samples of a running server: there soon, and once, also when who digests them is killed."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx

from tests.blackbox.server import TLS, Integrator, Server, wait_until

DIGESTING = "partner_api.worker telemetry"
DEVICES = 4
KILLS = 4
VISIBLE_SECONDS = 30


def measure_until(stop: threading.Event, url: str, headers: dict[str, str]) -> int:
    """Number samples from 1, in their latency; returns how many were taken."""
    taken = 0
    with httpx.Client(headers=headers, timeout=20, verify=TLS) as client:
        while not stop.is_set():
            body: dict[str, Any] = {
                "sequence": taken + 1,
                "network": {"interface": "ethernet", "latencyMs": taken + 1},
                "metrics": {"number": taken + 1},
            }
            answer = client.post(f"{url}/v1/agent/check-ins", json=body)
            assert answer.json()["data"]["accepted"] == 1, answer.text
            taken += 1
            time.sleep(0.02)
    return taken


def latencies(integrator: Integrator, client_id: str) -> list[float]:
    path = f"/v1/devices/{client_id}/network-history?metrics=latencyMs&resolution=raw"
    return [point["latencyMs"] for point in integrator.get(path)["data"]]


def is_all_there(integrator: Integrator, client_id: str, number: int) -> bool:
    return len(latencies(integrator, client_id)) >= number


def test_killing_who_digests_loses_no_sample_and_doubles_none(
    server: Server, integrator: Integrator
) -> None:
    org_id, stop = integrator.create_organization(), threading.Event()
    agents = dict(integrator.enroll(org_id) for _ in range(DEVICES))
    with ThreadPoolExecutor() as pool:
        posting = [
            pool.submit(measure_until, stop, server.url, headers) for headers in agents.values()
        ]
        killed = 0
        while killed < KILLS:
            # As soon as there is one again, and a little later each time.
            time.sleep(0.3 + 0.2 * killed)
            for process in server.children(DIGESTING):
                process.kill()
                killed += 1
        stop.set()
        taken = dict(zip(agents, (future.result() for future in posting), strict=True))
    for client_id, number in taken.items():
        wait_until(partial(is_all_there, integrator, client_id, number), VISIBLE_SECONDS, "all")
        assert latencies(integrator, client_id) == list(range(1, number + 1))
    page = integrator.get("/v1/analytics/network-quality?groupBy=device&window=24h")
    shown = {each["clientId"]: each["latencyMs"]["samples"] for each in page["data"]}
    assert shown == taken
    assert page["meta"]["all"]["latencyMs"]["samples"] == sum(taken.values())
