"""What the wire models are made of: their bases, and the kinds of text they carry."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from partner_api.events.types import parse_event_id
from partner_api.kernel.ids import ClientId, OrgId, parse_client_id, parse_org_id
from partner_api.kernel.text import is_clean
from partner_api.kernel.timestamps import format_timestamp, parse_timestamp
from partner_api.surfaces.partner import specimens

JsonSchema = dict[str, Any]

CLEAN: JsonSchema = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}
"""`clean` as a schema says it."""


def _omits_none(schema: JsonSchema) -> None:
    """Say of an answer that what is None is left out and all else is there."""
    always = []
    for name, field in schema.get("properties", {}).items():
        field.pop("default", None)
        choices = field.pop("anyOf", [])
        kept = [choice for choice in choices if choice != {"type": "null"}]
        if len(kept) == len(choices):
            always.append(name)
        if choices:
            field.update({**(kept[0] if len(kept) == 1 else {"anyOf": kept}), **field})
    if always:
        schema["required"] = always


def _instant(value: object) -> object:
    parsed = parse_timestamp(value) if isinstance(value, str) else value
    if not isinstance(parsed, datetime):
        raise ValueError("must be an RFC 3339 timestamp such as 2026-02-24T11:55:00Z")
    return parsed


def _org_id(value: object) -> OrgId:
    parsed = parse_org_id(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError("must be org_ and a lower-case UUID")
    return parsed


def _client_id(value: object) -> ClientId:
    parsed = parse_client_id(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError("must be a UUID such as A1B2C3D4-E5F6-7890-ABCD-EF1234567890")
    return parsed


def _event_id(value: object) -> int:
    parsed = parse_event_id(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError("must be an event's id such as evt_0000000000000042")
    return parsed


def clean(value: str) -> str:
    """The text itself; ValueError when it is not clean."""
    if not is_clean(value):
        raise ValueError("must not contain control characters")
    return value


class Answer(BaseModel):
    """What we send, in the names of another standard; what is None is left out."""

    model_config = ConfigDict(json_schema_extra=_omits_none)


class Wire(Answer):
    """What we send: camelCase, and what is None is left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Body(BaseModel):
    """A request's body: camelCase; numbers are no strings and strings no numbers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, strict=True)


_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MSP_ID: JsonSchema = {
    "type": "string",
    "pattern": f"^msp_{_UUID}$",
    "examples": [specimens.MSP_ID],
}
ORG_ID: JsonSchema = {
    "type": "string",
    "pattern": f"^org_{_UUID}$",
    "examples": [specimens.ORG_ID],
}
CLIENT_ID: JsonSchema = {
    "type": "string",
    "format": "uuid",
    "examples": [specimens.CLIENT_ID],
}
EVENT_ID: JsonSchema = {
    "type": "string",
    "pattern": "^evt_[0-9]{16}$",
    "examples": [specimens.EVENT_ID],
}
DELIVERY_ID: JsonSchema = {
    "type": "string",
    "pattern": "^dlv_[0-9]{16}$",
    "examples": [specimens.DELIVERY_ID],
}

MspIdRead = Annotated[str, WithJsonSchema(MSP_ID)]
OrgIdRead = Annotated[str, WithJsonSchema(ORG_ID)]
ClientIdRead = Annotated[str, WithJsonSchema(CLIENT_ID)]
EventIdRead = Annotated[str, WithJsonSchema(EVENT_ID)]
DeliveryIdRead = Annotated[str, WithJsonSchema(DELIVERY_ID)]
OrgIdText = Annotated[Any, BeforeValidator(_org_id), WithJsonSchema(ORG_ID)]
ClientIdText = Annotated[Any, BeforeValidator(_client_id), WithJsonSchema(CLIENT_ID)]
EventIdText = Annotated[Any, BeforeValidator(_event_id), WithJsonSchema(EVENT_ID)]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [specimens.INSTANT]}),
]
