"""What is posted to a webhook for each type of event, as the OpenAPI document tells it."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic.alias_generators import to_camel

from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.event_mapping import MODELS
from partner_api.surfaces.partner.event_schemas import WebhookTest
from partner_api.surfaces.partner.openapi_answers import JSON, schema_reference
from partner_api.surfaces.partner.openapi_examples import Schema, example
from partner_api.surfaces.partner.wire import Wire

POSTED: Final[Mapping[str, type[Wire]]] = {
    **{str(event_type): model for event_type, model in MODELS.items()},
    "webhook.test": WebhookTest,
}
"""What a message of each type looks like."""

_TAKEN = {"2XX": {"description": "Taken; after any other answer but 410 it is posted again, later"}}
_TEST_TAKEN = {"2XX": {"description": "Taken; after any other answer it is not posted again"}}


def webhooks(schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The document's webhooks by the types of messages; `schemas` holds what they refer to."""
    return {message_type: {"post": _post(message_type, schemas)} for message_type in POSTED}


def _post(message_type: str, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    model = POSTED[message_type]
    schema = schemas[model.__name__]
    shown = {**example(schema, schemas), "type": message_type}
    media = {"schema": schema_reference(model.__name__), "example": shown}
    return {
        "tags": ["Webhooks"],
        "summary": message_type.replace(".", " ").replace("_", " ").capitalize(),
        "description": schema["description"],
        "operationId": to_camel(f"on_{message_type.replace('.', '_')}"),
        "security": [],
        "parameters": _headers(shown["id"]),
        "requestBody": {"required": True, "content": {JSON: media}},
        "responses": _TEST_TAKEN if model is WebhookTest else _TAKEN,
    }


def _headers(message_id: str) -> list[dict[str, Any]]:
    return [
        _header(
            "webhook-id",
            "The same in every attempt: know by it what you have dealt with already.",
            {"type": "string"},
            message_id,
        ),
        _header(
            "webhook-timestamp",
            "When this attempt was made, in seconds since 1970; refuse what is old.",
            {"type": "string", "pattern": "^[0-9]+$"},
            specimens.SECONDS,
        ),
        _header(
            "webhook-signature",
            "`v1,` and the HMAC-SHA256 in base64 of id, timestamp and body with full stops "
            "between; two with a space between while a secret is being replaced.",
            {"type": "string"},
            specimens.SIGNATURE,
        ),
    ]


def _header(name: str, description: str, schema: Schema, shown: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": schema,
        "example": shown,
    }
