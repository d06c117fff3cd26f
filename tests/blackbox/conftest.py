"""One served data directory for the tests that share it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blackbox.server import Integrator, Server
from tests.conftest import passable_folder

# Webhooks may go to receivers on this machine.
RECEIVERS_HERE = {
    "PARTNER_API_WEBHOOK_ALLOW_HTTP": "true",
    "PARTNER_API_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
}


@pytest.fixture(scope="package")
def data_dir() -> Iterator[Path]:
    with passable_folder() as folder:
        yield folder / "data"


@pytest.fixture(scope="package")
def server(data_dir: Path) -> Iterator[Server]:
    server = Server(data_dir, variables=RECEIVERS_HERE).start()
    yield server
    server.stop()


@pytest.fixture
def integrator(server: Server) -> Integrator:
    return server.create_msp()
