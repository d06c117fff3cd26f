"""What each operation may answer, as the OpenAPI document tells it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from partner_api.surfaces.partner import openapi_words as words
from partner_api.surfaces.partner.errors import PHRASES

JSON: Final = "application/json"

_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "example": 2}
}
_HEADERS: Final[Mapping[int, Any]] = {
    401: {
        "WWW-Authenticate": {"schema": {"type": "string"}, "example": 'Bearer realm="partner-api"'}
    },
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def describe_answers(
    path: str, operation: dict[str, Any], schemas: Mapping[str, Mapping[str, Any]]
) -> None:
    """Say in words what successes mean, and name every error that may come."""
    responses = operation["responses"]
    responses.pop("422", None)
    for status, response in responses.items():
        if response["description"] == "Successful Response":
            response["description"] = _success(status, response, schemas)
    for status in _error_statuses(path, operation):
        reference = {"$ref": f"#/components/responses/{_name(status)}"}
        responses.setdefault(status, reference)
    operation["responses"] = dict(sorted(responses.items()))


def common_refusals() -> dict[str, Any]:
    """The errors that several operations have in common, by the names they are referred to."""
    return {
        _name(status): refusal(int(status), *words_of_it)
        for status, words_of_it in words.REFUSALS.items()
    }


def refusal(status: int, description: str, message: str) -> dict[str, Any]:
    """An error in the house shape."""
    example = {"error": PHRASES[status], "message": message}
    content = {JSON: {"schema": schema_reference("ErrorRead"), "example": example}}
    headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
    return {"description": description, **headers, "content": content}


def schema_reference(model: str) -> dict[str, str]:
    """How the document refers to a model."""
    return {"$ref": f"#/components/schemas/{model}"}


def _success(
    status: str, response: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]
) -> str:
    reference = response.get("content", {}).get(JSON, {}).get("schema", {}).get("$ref")
    if reference is None:
        return words.SUCCESSES[status]
    description: str = schemas[reference.rpartition("/")[2]]["description"]
    return description


def _error_statuses(path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("500", "503")
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    body = operation.get("requestBody", {}).get("content", {})
    if body:
        yield from ("400", "408", "413")
    if JSON in body:
        yield "415"
    if "query" in places:
        yield "400"
    if "path" in places:
        yield "404"
    for way in operation["security"]:
        yield "401"
        if "{mspId}" in path or any(way.values()):
            yield "403"


def _name(status: str) -> str:
    return PHRASES[int(status)].replace(" ", "")
