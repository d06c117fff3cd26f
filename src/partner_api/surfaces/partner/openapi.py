"""The OpenAPI document: what FastAPI derives, plus what only we know."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from partner_api.surfaces.partner.auth import DEVICE_TOKEN, ENROLLMENT_TOKEN, OAUTH2
from partner_api.tenancy.principal import DOCUMENTED_SCOPES

_REF = "#/components/schemas/{model}"
_DESCRIPTIONS = {
    "400": "A parameter or the body is wrong; the message names it and what is allowed",
    "401": "No token, or one that is invalid or expired",
    "403": "The token lacks the scope, or belongs to another MSP",
    "404": "No such thing in this MSP",
    "409": "The present state forbids it",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "503": "The database is away; try again after Retry-After seconds",
}
_SCOPES = {
    "fleet:read": "Devices, logs, statistics and members",
    "analytics:read": "Analytics",
    "orgs:read": "Organizations",
    "orgs:write": "Every change of the MSP's own data",
}


def json_body(*models: str) -> dict[str, Any]:
    """A required JSON body that is one of the named models, for routes that parse it themselves."""
    refs = [_ref(model) for model in models]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def document(app: FastAPI, server: str, extra: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The whole document; `extra` are models that only `json_body` refers to."""
    made: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=[{"url": server}],
    )
    schemas = made["components"]["schemas"]
    _, definitions = models_json_schema(
        [(model, "validation") for model in extra], ref_template=_REF
    )
    schemas |= definitions["$defs"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["components"]["securitySchemes"] = _security_schemes()
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _describe_errors(path, operation)
    return made


def operation_id(route: APIRoute) -> str:
    """A route's operation id: its handler's name in camelCase."""
    return to_camel(route.name)


def _ref(model: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=model)}


def _describe_errors(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status in _error_statuses(path, operation):
        responses.setdefault(
            status,
            {
                "description": _DESCRIPTIONS[status],
                "content": {"application/json": {"schema": _ref("ErrorRead")}},
            },
        )


def _error_statuses(path: str, operation: Mapping[str, Any]) -> Sequence[str]:
    statuses = ["503"]
    if operation.get("parameters") or "requestBody" in operation:
        statuses.append("400")
    if operation.get("security"):
        statuses += ["401", "403"]
    if "{" in path:
        statuses.append("404")
    if "requestBody" in operation:
        statuses += ["413", "415"]
    return sorted(statuses)


def _security_schemes() -> dict[str, Any]:
    scopes = {scope.value: _SCOPES[scope] for scope in DOCUMENTED_SCOPES}
    return {
        OAUTH2: {
            "type": "oauth2",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": scopes}},
        },
        DEVICE_TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "description": "`nwx_dt_…`, given to a device when it enrolls.",
        },
        ENROLLMENT_TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "description": "`nwx_et_…`, made for one organization.",
        },
    }
