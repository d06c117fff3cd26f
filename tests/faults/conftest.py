"""One served data directory for the faults that leave it usable."""

from collections.abc import Iterator

import pytest

from tests.blackbox.server import Integrator, Server
from tests.conftest import passable_folder
from tests.faults.callers import Callers


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    with passable_folder() as folder:
        server = Server(folder / "data").start()
        yield server
        server.stop()


@pytest.fixture(scope="package")
def integrator(server: Server) -> Integrator:
    return server.create_msp()


@pytest.fixture
def callers(integrator: Integrator) -> Callers:
    return Callers.of(integrator)
