"""What is posted to a webhook for each type of event, as the OpenAPI document tells it."""

from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from partner_api.events.types import EventType
from partner_api.surfaces.partner.event_mapping import MODELS
from partner_api.surfaces.partner.openapi_answers import JSON, schema_reference
from partner_api.surfaces.partner.openapi_examples import Schema, example

_TAKEN = {"2XX": {"description": "Taken; after any other answer it is posted again, later"}}


def webhooks(schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """The document's webhooks by the types of events; `schemas` holds what they refer to."""
    return {event_type: {"post": _post(event_type, schemas)} for event_type in MODELS}


def _post(event_type: EventType, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    reference = schema_reference(MODELS[event_type].__name__)
    schema = schemas[MODELS[event_type].__name__]
    media = {"schema": reference, "example": {**example(schema, schemas), "type": event_type}}
    return {
        "tags": ["Events"],
        "summary": event_type.replace(".", " ").replace("_", " ").capitalize(),
        "description": schema["description"],
        "operationId": to_camel(f"on_{event_type.replace('.', '_')}"),
        "security": [],
        "requestBody": {"required": True, "content": {JSON: media}},
        "responses": _TAKEN,
    }
