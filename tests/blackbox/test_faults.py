"""What is promised when processes die: no answered check-in is lost, none counts twice."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.blackbox.server import Integrator, Server, wait_until

DEVICES = 12
KILLS = 4


def post_until_answered(url: str, headers: dict[str, str], sequence: int) -> None:
    """What an agent does: the same check-in again until it is answered."""
    while True:
        try:
            answer = httpx.post(
                f"{url}/v1/agent/check-ins",
                json={"sequence": sequence},
                headers=headers,
                timeout=10,
            )
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        if answer.status_code == 200:
            return
        assert answer.status_code == 503, answer.text
        time.sleep(0.1)


def check_in_until(stop: threading.Event, url: str, headers: dict[str, str]) -> int:
    """Number check-ins from 1; returns how many were answered."""
    answered = 0
    while not stop.is_set():
        post_until_answered(url, headers, answered + 1)
        answered += 1
    return answered


def kill_api(server: Server) -> None:
    (before,) = server.children("partner_api.app")
    before.kill()
    wait_until(
        lambda: [p.pid for p in server.children("partner_api.app")] not in ([], [before.pid]),
        15,
        "a new API process",
    )
    wait_until(server.is_ready, 20, "readiness after a kill")


def test_killing_the_api_loses_no_answered_check_in_and_counts_none_twice(
    server: Server, integrator: Integrator
) -> None:
    org_id = integrator.create_organization()
    devices = dict(integrator.enroll(org_id) for _ in range(DEVICES))
    stop = threading.Event()
    with ThreadPoolExecutor(DEVICES) as pool:
        answered = {
            client_id: pool.submit(check_in_until, stop, server.url, headers)
            for client_id, headers in devices.items()
        }
        for _ in range(KILLS):
            time.sleep(0.5)
            kill_api(server)
        stop.set()
    listed = integrator.get("/v1/devices")["data"]
    counted = {device["clientId"]: device["checkInCount"] for device in listed}
    assert counted == {client_id: future.result() for client_id, future in answered.items()}


def test_a_killed_postgres_comes_back_without_a_restart_of_the_server(
    server: Server, integrator: Integrator
) -> None:
    org_id = integrator.create_organization()
    client_id, headers = integrator.enroll(org_id)
    (api,) = server.children("partner_api.app")
    post_until_answered(server.url, headers, 1)

    server.postmaster().kill()
    post_until_answered(server.url, headers, 2)

    assert integrator.get(f"/v1/devices/{client_id}")["data"]["checkInCount"] == 2
    assert [process.pid for process in server.children("partner_api.app")] == [api.pid]


def test_killed_workers_are_started_again(server: Server) -> None:
    killed = server.children("partner_api.worker")
    assert len(killed) == 5
    for worker in killed:
        worker.kill()
    old = {worker.pid for worker in killed}
    wait_until(
        lambda: len({p.pid for p in server.children("partner_api.worker")} - old) == 5,
        15,
        "new workers",
    )
