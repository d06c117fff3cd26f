"""The OpenAPI document: what FastAPI derives, plus what only we know."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from partner_api.surfaces.partner import openapi_words as words
from partner_api.surfaces.partner.auth import DEVICE_TOKEN, ENROLLMENT_TOKEN, OAUTH2
from partner_api.surfaces.partner.openapi_answers import (
    JSON,
    common_refusals,
    describe_answers,
    refusal,
    schema_reference,
)
from partner_api.surfaces.partner.openapi_examples import add_examples
from partner_api.surfaces.partner.openapi_webhooks import webhooks
from partner_api.tenancy.principal import DOCUMENTED_SCOPES

VERSION: Final = "3.2.0"
OLDER_VERSION: Final = "3.1.0"
"""For tools that refuse 3.2; the document says nothing that 3.1 cannot."""

_NULL = {"type": "null"}


class _Dumper(yaml.CSafeDumper):
    """Written in C: Python's takes a second in which nobody is served."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Several lines as several lines."""
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def document(app: FastAPI, server: str, extra: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The whole document; `extra` are models that only `json_body` refers to."""
    made: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=VERSION,
        description=words.INTRODUCTION,
        routes=app.routes,
        tags=words.TAGS,
        servers=[{"url": server}],
    )
    components = made["components"]
    _complete_schemas(components["schemas"], extra)
    components["responses"] = common_refusals()
    components["securitySchemes"] = _security_schemes()
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _describe_request(operation)
            describe_answers(path, operation, components["schemas"])
            add_examples(operation, components["schemas"])
    made["webhooks"] = webhooks(components["schemas"])
    _tidy(made)
    # Copied through JSON, so that no part is shared and YAML needs no anchors.
    copied: dict[str, Any] = json.loads(json.dumps(made), parse_float=_number)
    return copied


def as_yaml(made: Mapping[str, Any]) -> str:
    """The document for people to read."""
    text: str = yaml.dump(made, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def json_body(*models: str) -> dict[str, Any]:
    """A required JSON body that is one of the named models, for routes that parse it themselves."""
    refs = [schema_reference(model) for model in models]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def refuses(status: int, description: str, message: str) -> dict[int | str, dict[str, Any]]:
    """An error that a route says itself, in `responses`."""
    return {status: refusal(status, description, message)}


def _complete_schemas(schemas: dict[str, Any], extra: Sequence[type[BaseModel]]) -> None:
    modes = [(model, "validation") for model in extra]
    template = schema_reference("{model}")["$ref"]
    _, definitions = models_json_schema(modes, ref_template=template)  # type: ignore[arg-type]
    schemas |= definitions["$defs"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _describe_request(operation: Mapping[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            parameter.update(deepcopy(words.PATH_PARAMETERS[parameter["name"]]))
        _drop_null(parameter["schema"])
        # It stands beside the schema already.
        parameter["schema"].pop("description", None)
    for media in operation.get("requestBody", {}).get("content", {}).values():
        _drop_null(media["schema"])


def _drop_null(schema: dict[str, Any]) -> None:
    """What may be left out is None in Python; that is no reason to say `null` may be sent."""
    if _NULL in schema.get("anyOf", ()):
        (choice,) = (choice for choice in schema.pop("anyOf") if choice != _NULL)
        schema.update({**choice, **schema})


def _security_schemes() -> dict[str, Any]:
    scopes = {scope.value: words.SCOPES[scope] for scope in DOCUMENTED_SCOPES}
    flows = {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": scopes}}
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        OAUTH2: {"type": "oauth2", "description": words.ACCESS_TOKEN, "flows": flows},
        DEVICE_TOKEN: {**bearer, "description": words.DEVICE_TOKEN},
        ENROLLMENT_TOKEN: {**bearer, "description": words.ENROLLMENT_TOKEN},
    }


def _number(text: str) -> float:
    """A bound of 0.0 is one of 0."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _tidy(node: Any) -> None:
    """Drop the titles pydantic makes of names, and defaults of null: they say nothing."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    elif isinstance(node, dict):
        if isinstance(node.get("title"), str) and {"type", "anyOf", "$ref", "enum"} & node.keys():
            del node["title"]
        if node.get("default", ...) is None:
            del node["default"]
        for item in node.values():
            _tidy(item)
