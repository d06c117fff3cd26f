"""Starting, sharing and ending."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.blackbox.server import Server, run_cli, wait_until
from tests.conftest import passable_folder


@pytest.fixture
def own_data_dir() -> Iterator[Path]:
    with passable_folder() as folder:
        yield folder / "data"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_within_15_seconds(own_data_dir: Path, number: int) -> None:
    server = Server(own_data_dir).start()
    assert server.process is not None
    everything = [
        *psutil.Process(server.process.pid).children(recursive=True),
        server.postmaster(),
    ]
    assert server.stop(number, within=15) == 0
    wait_until(lambda: not any(p.is_running() for p in everything), 1, "the end of everything")


def test_two_servers_share_a_database_and_the_last_one_stops_it(own_data_dir: Path) -> None:
    first = Server(own_data_dir).start()
    second = Server(own_data_dir).start()
    postmaster = first.postmaster()
    integrator = first.create_msp()
    org_id = integrator.create_organization("Shared")
    try:
        answer = httpx.get(
            f"{second.url}/v1/organizations/{org_id}", headers=integrator.headers, timeout=20
        )
        assert answer.json()["data"]["name"] == "Shared"
    finally:
        first.stop()
        assert second.is_ready()
        second.stop()
    wait_until(lambda: not postmaster.is_running(), 10, "the end of PostgreSQL")


def test_the_demo_shows_a_living_fleet_and_keeps_it(own_data_dir: Path) -> None:
    demo = Server(own_data_dir, ("demo",)).start()
    wait_until(lambda: "Client secret" in demo.output, 30, "the banner")
    shown = dict(re.findall(r"  (Base URL|MSP id|Client id|Client secret) +(\S+)", demo.output))
    assert shown["Base URL"] == demo.url
    figures = wait_for_fleet(demo, shown)
    assert figures["totalOrgs"] == 4
    assert min(figures["healthy"], figures["warning"], figures["critical"]) > 0
    assert (own_data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
    demo.stop()

    again = Server(own_data_dir, ("demo",)).start()
    wait_until(lambda: shown["Client secret"] in again.output, 30, "the same credential")
    assert wait_for_fleet(again, shown)["totalDevices"] == 60
    again.stop()


@pytest.mark.tools
def test_the_demos_curl_line_works_when_pasted(own_data_dir: Path) -> None:
    demo = Server(own_data_dir, ("demo",)).start()
    wait_until(lambda: "Ctrl-C" in demo.output, 30, "the banner")
    line = next(line for line in demo.output.splitlines() if line.startswith("curl "))
    answer = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=30, check=True
    )
    assert '"data":[' in answer.stdout
    demo.stop()


def test_a_busy_port_is_refused_with_advice(server: Server, data_dir: Path) -> None:
    refused = run_cli(data_dir, "serve", "--port", str(server.port))
    assert refused.returncode == 2
    assert "--port" in refused.stderr.splitlines()[-1]


def test_the_server_dies_with_a_killed_supervisor_and_the_next_one_finds_the_data(
    own_data_dir: Path,
) -> None:
    killed = Server(own_data_dir).start()
    integrator = killed.create_msp()
    integrator.create_organization("Kept")
    assert killed.process is not None
    children = psutil.Process(killed.process.pid).children(recursive=True)
    ours = [child for child in children if "partner_api." in " ".join(child.cmdline())]
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    wait_until(lambda: not any(child.is_running() for child in ours), 10, "the children's end")

    following = Server(own_data_dir, port=killed.port).start()
    names = [row["name"] for row in integrator.get("/v1/organizations")["data"]]
    assert names == ["Kept"]
    following.stop()


def wait_for_fleet(demo: Server, shown: dict[str, str]) -> dict[str, int]:
    token = httpx.post(
        f"{demo.url}/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": shown["Client id"],
            "client_secret": shown["Client secret"],
        },
        timeout=20,
    ).json()["access_token"]

    def figures() -> dict[str, int]:
        answer = httpx.get(
            f"{demo.url}/v1/msp/{shown['MSP id']}/stats",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )
        data: dict[str, int] = answer.json()["data"]
        return data

    wait_until(
        lambda: figures()["totalDevices"] == 60 and figures()["healthy"] > 10,
        40,
        "sixty devices of which many are healthy",
    )
    return figures()
