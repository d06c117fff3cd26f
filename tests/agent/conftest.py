"""A served data directory for the agent, an organization, and a proxy that makes trouble."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.device import Device
from tests.agent.proxy import Proxy
from tests.blackbox.server import Integrator, Server
from tests.conftest import passable_folder


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    with passable_folder() as folder:
        server = Server(folder / "data").start()
        yield server
        server.stop()


@pytest.fixture(scope="package")
def integrator(server: Server) -> Integrator:
    return server.create_msp("Agents' MSP")


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.url).serving() as proxy:
        yield proxy


@pytest.fixture
def device(tmp_path: Path, integrator: Integrator, proxy: Proxy) -> Device:
    """Enrolled through the proxy, never seen."""
    device = Device(tmp_path / "state", integrator)
    device.enroll(proxy.url)
    return device
