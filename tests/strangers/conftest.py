"""One server with a small fleet, and its document as strangers download it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from partner_api.surfaces.partner import specimens
from tests.blackbox.server import Integrator, Server, wait_until
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
    webhook_id: str
    delivery_id: str
    doomed_webhook_id: str

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
    webhook_id, doomed_webhook_id = (create_webhook(integrator) for _ in range(2))
    return Fleet(
        integrator,
        org_id,
        client_id,
        headers["Authorization"].removeprefix("Bearer "),
        integrator.post(tokens, {}).json()["data"]["token"],
        integrator.create_organization("Doomed Inc"),
        integrator.enroll(org_id)[0],
        integrator.post(tokens, {}).json()["data"]["id"],
        webhook_id,
        first_delivery(integrator, webhook_id),
        doomed_webhook_id,
    )


def create_webhook(integrator: Integrator) -> str:
    """One at the address that the document shows, where nobody is."""
    body = {"url": specimens.WEBHOOK_URL, "events": ["org.created"]}
    webhook_id: str = integrator.post("/v1/webhooks", body).json()["data"]["id"]
    return webhook_id


def first_delivery(integrator: Integrator, webhook_id: str) -> str:
    """The delivery of an organization that was made since, once it is queued."""
    path = f"/v1/webhooks/{webhook_id}/deliveries"
    wait_until(lambda: integrator.get(path)["data"] != [], 10, "a delivery")
    delivery_id: str = integrator.get(path)["data"][0]["id"]
    return delivery_id


@pytest.fixture(params=list(DOCUMENTS.values()), ids=list(DOCUMENTS))
def document(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Path:
    """The document, once per version it is published in."""
    return download(server, request.param, tmp_path)


def download(server: Server, name: str, folder: Path) -> Path:
    path = folder / name
    path.write_bytes(httpx.get(f"{server.url}/{name}", timeout=20).raise_for_status().content)
    return path
