"""What an operator sees of a running server."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.blackbox.server import Integrator, Server, free_port
from tests.conftest import passable_folder


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def watched(metrics_port: int) -> Iterator[Server]:
    variables = {
        "PARTNER_API_METRICS_PORT": str(metrics_port),
        "PARTNER_API_LOG_FORMAT": "json",
    }
    with passable_folder() as folder:
        server = Server(folder / "data", ("serve", "--workers", "2"), variables=variables).start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def busy(watched: Server) -> Integrator:
    """An MSP with a device that checked in, and a request that failed."""
    integrator = watched.create_msp()
    _, headers = integrator.enroll(integrator.create_organization())
    for sequence in (1, 1):
        httpx.post(
            f"{watched.url}/v1/agent/check-ins",
            json={"sequence": sequence},
            headers=headers,
            timeout=20,
        ).raise_for_status()
    integrator.ask("/v1/devices?q=secret-query&limit=0")
    return integrator


def test_metrics_add_up_over_all_processes(busy: Integrator, metrics_port: int) -> None:
    assert busy.msp
    text = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=20).text
    for line in (
        'partner_api_check_ins_total{outcome="accepted"} 1.0',
        'partner_api_check_ins_total{outcome="duplicate"} 1.0',
        'partner_api_requests_total{method="GET",route="/v1/devices",status="400"} 1.0',
        'partner_api_requests_total{method="POST",route="/v1/agent/check-ins",status="200"} 2.0',
        'partner_api_group_items_bucket{le="1.0",writer="careful"} 2.0',
    ):
        assert line in text
    assert "partner_api_pool_connections_in_use" in text
    rounds = re.search(r"^partner_api_sweep_seconds_count (\S+)$", text, re.MULTILINE)
    assert rounds is not None
    assert float(rounds[1]) > 0


def test_every_line_is_an_object_with_ids_and_without_secrets(
    busy: Integrator, watched: Server
) -> None:
    lines = [json.loads(line) for line in watched.output.splitlines() if line.startswith("{")]
    failed = next(line for line in lines if line.get("status") == 400)
    assert failed["mspId"] == busy.msp["mspId"]
    assert failed["route"] == "/v1/devices"
    assert failed["requestId"]
    assert "secret-query" not in watched.output
    assert busy.msp["clientSecret"] not in watched.output
    assert busy.headers["Authorization"].split()[1] not in watched.output
