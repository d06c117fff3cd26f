"""What the server notes of requests: quiet for people, and true."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import httpx
import pytest

from tests.blackbox.server import Integrator, Server, free_port, run_cli, wait_until
from tests.conftest import passable_folder

PATH = "/v1/agent/check-ins"
# What went well on a machine that is busy is worth a line too.
SLOW = re.compile(r" 20\d, \d{4,}\.\d ms$")


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def noting(metrics_port: int) -> Iterator[Server]:
    variables = {"PARTNER_API_METRICS_PORT": str(metrics_port)}
    with passable_folder() as folder:
        server = Server(folder / "data", variables=variables).start()
        yield server
        server.stop()


@pytest.fixture
def guest(noting: Server) -> Integrator:
    return noting.create_msp()


def notes(server: Server) -> list[str]:
    return [line for line in server.output.splitlines() if "partner_api.edge" in line]


@contextmanager
def devices_locked(server: Server) -> Iterator[None]:
    """Nobody reads or writes a device in the meantime."""
    url = run_cli(server.data_dir, "db", "url", "--admin").stdout.strip()

    async def lock() -> asyncpg.Connection:
        connection = await asyncpg.connect(url)
        await connection.execute("begin; lock table devices")
        return connection

    with asyncio.Runner() as runner:
        connection = runner.run(lock())
        try:
            yield
        finally:
            runner.run(connection.close())


def test_people_read_of_requests_that_failed(noting: Server, guest: Integrator) -> None:
    before = len(notes(noting))
    guest.enroll(guest.create_organization())
    assert noting.is_ready()
    assert guest.ask("/v1/devices/nobody").status_code == 404
    # Written after the answer was sent.
    wait_until(lambda: "404" in "".join(notes(noting)[before:]), 5, "the line")
    lines = [line for line in notes(noting)[before:] if not SLOW.search(line)]
    assert len(lines) == 1
    assert "INFO partner_api.edge: GET /v1/devices/{clientId} 404, " in lines[0]


def test_a_client_that_does_not_wait_is_counted_under_its_route_as_499(
    noting: Server, guest: Integrator, metrics_port: int
) -> None:
    client_id, headers = guest.enroll(guest.create_organization())
    with devices_locked(noting), pytest.raises(httpx.ReadTimeout):
        httpx.post(noting.url + PATH, json={"sequence": 1}, headers=headers, timeout=0.5)
    counted = f'partner_api_requests_total{{method="POST",route="{PATH}",status="499"}} 1.0'

    def metrics() -> str:
        return httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=20).text

    wait_until(lambda: counted in metrics(), 10, "the count")
    (line,) = [line for line in notes(noting) if "499" in line]
    assert f"INFO partner_api.edge: POST {PATH} 499, " in line
    # It was taken all the same: the device will learn that it is a duplicate.
    assert guest.get(f"/v1/devices/{client_id}")["data"]["checkInCount"] == 1


def test_the_demo_shows_its_banner_and_its_fleet_and_no_requests() -> None:
    with passable_folder() as folder:
        demo = Server(folder / "data", ("demo",)).start()
        wait_until(lambda: "60 devices in 4 organizations" in demo.output, 30, "the fleet")
        wait_until(lambda: "Ctrl-C" in demo.output, 30, "the banner")
        demo.stop()
        said = [line for line in demo.output.splitlines() if " INFO " in line]
    assert all(SLOW.search(line) for line in said), said
