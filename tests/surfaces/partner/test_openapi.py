"""The document that is checked in is the one that is served."""

from pathlib import Path

import httpx
import yaml

from partner_api.surfaces.partner.app import openapi_yaml

CHECKED_IN = Path(__file__).parents[3] / "openapi.yaml"


def test_the_checked_in_document_is_current() -> None:
    assert CHECKED_IN.read_text(encoding="utf-8") == openapi_yaml(None), "run: make openapi"


async def test_the_served_document_is_the_checked_in_one(http: httpx.AsyncClient) -> None:
    served = (await http.get("/openapi.json")).json()
    assert served == yaml.safe_load(CHECKED_IN.read_text(encoding="utf-8"))


async def test_every_operation_says_who_may_call_it(http: httpx.AsyncClient) -> None:
    served = (await http.get("/openapi.json")).json()
    for path, operations in served["paths"].items():
        for method, operation in operations.items():
            assert "security" in operation, f"{method} {path}"
            assert operation["summary"]
