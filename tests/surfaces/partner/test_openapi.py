"""The document that is checked in is the one that is served, and it reads well in other tools."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from partner_api.surfaces.partner.app import openapi_yaml
from partner_api.surfaces.partner.event_mapping import MODELS
from partner_api.surfaces.partner.openapi_webhooks import POSTED
from partner_api.webhooks.signing import new_signing_secret, signed_headers

CHECKED_IN = Path(__file__).parents[3] / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(CHECKED_IN.read_text(encoding="utf-8"))
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
NULL = {"type": "null"}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def reached(part: Any) -> Iterator[dict[str, Any]]:
    """Every schema a part of the document leads to; ours lead nowhere back."""
    if isinstance(part, list):
        for item in part:
            yield from reached(item)
    elif isinstance(part, dict):
        yield part
        if "$ref" in part:
            yield from reached(resolved(part))
        for item in part.values():
            yield from reached(item)


def test_the_checked_in_document_is_current() -> None:
    assert CHECKED_IN.read_text(encoding="utf-8") == openapi_yaml(None), "run: make openapi"


async def test_the_served_document_is_the_checked_in_one(http: httpx.AsyncClient) -> None:
    assert (await http.get("/openapi.json")).json() == DOCUMENT
    assert DOCUMENT["openapi"] == "3.2.0"


def test_names_of_schemas_are_no_paths_of_modules() -> None:
    """As they would be where two models have one name; generated clients are made of them."""
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name]


@pytest.mark.parametrize(
    ("path", "version"),
    [("/openapi.yaml", "3.2.0"), ("/openapi-3.1.yaml", "3.1.0"), ("/openapi-3.1.json", "3.1.0")],
)
async def test_the_same_document_is_served_for_tools_of_every_age(
    http: httpx.AsyncClient, path: str, version: str
) -> None:
    answer = await http.get(path)
    assert answer.headers["Content-Type"] == f"application/{path.rpartition('.')[2]}"
    assert yaml.safe_load(answer.text) == {**DOCUMENT, "openapi": version}


async def test_every_server_is_told_by_its_public_address(http: httpx.AsyncClient) -> None:
    assert openapi_yaml("https://partner.example").count("https://partner.example") == 1
    flows = DOCUMENT["components"]["securitySchemes"]["oauth2"]["flows"]
    assert flows["clientCredentials"]["tokenUrl"] == "/oauth/token"
    assert (await http.post("/oauth/token")).status_code == 400


def test_three_kinds_of_token_are_told_apart() -> None:
    assert {
        name: (scheme["type"], scheme.get("scheme"))
        for name, scheme in DOCUMENT["components"]["securitySchemes"].items()
    } == {
        "oauth2": ("oauth2", None),
        "deviceToken": ("http", "bearer"),
        "enrollmentToken": ("http", "bearer"),
    }


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
class TestAnOperation:
    def test_says_who_may_call_it(self, operation: dict[str, Any]) -> None:
        for way in operation["security"]:
            assert way.keys() <= DOCUMENT["components"]["securitySchemes"].keys()
            assert "401" in operation["responses"]
            assert ("403" in operation["responses"]) == any(way.values())

    def test_reads_well_in_a_list(self, operation: dict[str, Any]) -> None:
        assert operation["operationId"].isalnum()
        first, *others = operation["summary"].split()
        assert first == first.capitalize()
        assert all(word == word.lower() for word in others), "the framework's own title"
        (tag,) = operation["tags"]
        assert tag in {known["name"] for known in DOCUMENT["tags"] if known["description"]}

    def test_describes_its_parameters(self, operation: dict[str, Any]) -> None:
        for parameter in operation.get("parameters", ()):
            assert parameter["description"]
            assert NULL not in reached(parameter["schema"])
            # A made-up cursor would be refused.
            assert "example" in parameter or parameter["name"] == "cursor"

    def test_shows_what_it_takes_and_answers(self, operation: dict[str, Any]) -> None:
        parts = [operation.get("requestBody", {}), *operation["responses"].values()]
        for part in map(resolved, parts):
            for media in part.get("content", {}).values():
                assert {"example", "examples"} & media.keys()

    def test_answers_leave_out_what_is_unknown(self, operation: dict[str, Any]) -> None:
        assert NULL not in reached(operation["responses"])

    def test_tells_its_errors(self, operation: dict[str, Any]) -> None:
        assert "422" not in operation["responses"]
        assert {"500", "503"} <= operation["responses"].keys()
        for status, answer in operation["responses"].items():
            if status >= "400":
                (media,) = resolved(answer)["content"].values()
                assert media["example"]["message"]


@pytest.mark.parametrize("message_type", DOCUMENT["webhooks"])
def test_a_webhook_shows_the_event_it_is_called_for(message_type: str) -> None:
    operation = DOCUMENT["webhooks"][message_type]["post"]
    assert operation["description"]
    (media,) = operation["requestBody"]["content"].values()
    shown = POSTED[message_type].model_validate(media["example"])
    assert media["example"]["type"] == message_type
    assert shown.model_dump(mode="json", by_alias=True, exclude_none=True) == media["example"]
    assert media["schema"]["$ref"].endswith(f"/{type(shown).__name__}")

    headers = {parameter["name"]: parameter["example"] for parameter in operation["parameters"]}
    signed = signed_headers([new_signing_secret()], "x", datetime.now(UTC), b"")
    assert headers.keys() == signed.keys()
    assert headers["webhook-id"] == media["example"]["id"]


def test_every_type_of_event_is_called_for() -> None:
    assert DOCUMENT["webhooks"].keys() == MODELS.keys() | {"webhook.test"}
