"""The document as Postman imports it, pointed at things that exist."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from partner_api.surfaces.partner import specimens
from tests.strangers.conftest import Fleet
from tests.strangers.toolbox import NODES, output

ENDLESS = ("GET", "/v1/events/stream")
"""Its answer never ends, and nobody shows what came before."""
OPTIONS = "folderStrategy=Tags,parametersResolution=Example"


def imported(document: Path) -> dict[str, Any]:
    """The collection Postman makes of a document."""
    collection = document.with_suffix(".postman.json")
    output(NODES / "openapi2postmanv2", "-s", document, "-o", collection, "-O", OPTIONS)
    made: dict[str, Any] = json.loads(collection.read_text(encoding="utf-8"))
    return made


def filled(collection: Mapping[str, Any], fleet: Fleet) -> dict[str, Any]:
    """The collection with real ids and tokens where the document shows specimens."""
    items = [item for item in _requests(collection) if _operation(item["request"]) != ENDLESS]
    filled = {**collection, "item": [_filled(item, fleet) for item in items]}
    filled["variable"] = [{"key": "baseUrl", "value": fleet.integrator.url}]
    return filled


def run(collection: Mapping[str, Any], folder: Path) -> list[tuple[str, str, int]]:
    """Send every request; method, path as the document writes it, status of the answer."""
    path, report = folder / "collection.json", folder / "report.json"
    path.write_text(json.dumps(collection), encoding="utf-8")
    output(NODES / "newman", "run", path, "-r", "json", "--reporter-json-export", report)
    executions = json.loads(report.read_text(encoding="utf-8"))["run"]["executions"]
    return [
        (*_operation(execution["item"]["request"]), execution["response"]["code"])
        for execution in executions
    ]


def _requests(folder: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in folder["item"]:
        if "item" in item:
            yield from _requests(item)
        else:
            yield item


def _filled(item: Mapping[str, Any], fleet: Fleet) -> dict[str, Any]:
    method, path = _operation(item["request"])
    text = json.dumps(item)
    for specimen, real in _ids(method, path, fleet).items():
        text = text.replace(specimen, real)
    filled: dict[str, Any] = json.loads(text)
    request = filled["request"]
    request["auth"] = {"type": "bearer", "bearer": [{"key": "token", "value": _token(path, fleet)}]}
    # Nobody has a cursor before the first page.
    query = request["url"].get("query", ())
    request["url"]["query"] = [pair for pair in query if pair["key"] != "cursor"]
    return filled


def _ids(method: str, path: str, fleet: Fleet) -> dict[str, str]:
    ids = {
        specimens.MSP_ID: fleet.integrator.msp["mspId"],
        specimens.ORG_ID: fleet.org_id,
        specimens.CLIENT_ID: fleet.client_id,
        specimens.ENROLLMENT_TOKEN_ID: fleet.doomed_token_id,
        specimens.WEBHOOK_ID: fleet.webhook_id,
        specimens.DELIVERY_ID: fleet.delivery_id,
        specimens.CREDENTIAL_ID: fleet.integrator.msp["clientId"],
        specimens.CLIENT_SECRET: fleet.integrator.msp["clientSecret"],
    }
    if method == "DELETE":
        ids[specimens.CLIENT_ID] = fleet.doomed_client_id
        ids[specimens.WEBHOOK_ID] = fleet.doomed_webhook_id
        if path.endswith("/{orgId}"):
            ids[specimens.ORG_ID] = fleet.doomed_org_id
    return ids


def _token(path: str, fleet: Fleet) -> str:
    if path == "/v1/agent/enroll":
        return fleet.enrollment_token
    return fleet.device_token if path.startswith("/v1/agent/") else fleet.access_token


def _operation(request: Mapping[str, Any]) -> tuple[str, str]:
    parts = [f"{{{part[1:]}}}" if part[0] == ":" else part for part in request["url"]["path"]]
    return request["method"], "/" + "/".join(parts)
