"""One server with a small fleet, and its document as strangers download it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.blackbox.server import Integrator, Server
from tests.conftest import passable_folder

DOCUMENTS = {"3.2.0": "openapi.yaml", "3.1.0": "openapi-3.1.yaml"}


@dataclass(frozen=True)
class Fleet:
    """An MSP with an organization and a device, and a second of each that may be deleted."""

    integrator: Integrator
    org_id: str
    client_id: str
    device_token: str
    enrollment_token: str
    doomed_org_id: str
    doomed_client_id: str
    doomed_token_id: str

    @property
    def access_token(self) -> str:
        return self.integrator.token()


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    with passable_folder() as folder:
        server = Server(folder / "data").start()
        yield server
        server.stop()


@pytest.fixture
def integrator(server: Server) -> Integrator:
    return server.create_msp("Strangers' MSP")


@pytest.fixture
def fleet(integrator: Integrator) -> Fleet:
    org_id = integrator.create_organization("Acme Corp")
    client_id, headers = integrator.enroll(org_id)
    tokens = f"/v1/organizations/{org_id}/enrollment-tokens"
    return Fleet(
        integrator,
        org_id,
        client_id,
        headers["Authorization"].removeprefix("Bearer "),
        integrator.post(tokens, {}).json()["data"]["token"],
        integrator.create_organization("Doomed Inc"),
        integrator.enroll(org_id)[0],
        integrator.post(tokens, {}).json()["data"]["id"],
    )


@pytest.fixture(params=list(DOCUMENTS.values()), ids=list(DOCUMENTS))
def document(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Path:
    """The document, once per version it is published in."""
    return download(server, request.param, tmp_path)


def download(server: Server, name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(httpx.get(f"{server.url}/{name}", timeout=20).raise_for_status().content)
    return path
