"""Webhooks and their deliveries, as they travel over the wire."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from partner_api.events.types import EventType
from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.device_schemas import LogMeta
from partner_api.surfaces.partner.schemas import Total
from partner_api.surfaces.partner.wire import (
    CLEAN,
    Body,
    DeliveryIdRead,
    EventIdRead,
    OrgIdRead,
    OrgIdText,
    Timestamp,
    Wire,
    clean,
)
from partner_api.webhooks.addresses import LONGEST_URL
from partner_api.webhooks.service import DEFAULT_OVERLAP, LONGEST_OVERLAP
from partner_api.webhooks.types import DeliveryStatus


def _distinct(value: list[EventType]) -> list[EventType]:
    if len(set(value)) < len(value):
        raise ValueError("must name each type once")
    return value


# Shown without a specimen: a webhook or delivery with all of these would contradict itself.
Sometimes = Annotated[
    Timestamp | None,
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]
# Longer ones are refused in the same words as everything else that is wrong with an address.
Url = Annotated[
    str,
    Field(
        description="Where events are posted: https, a public address, port 443, unless whoever "
        "runs this server allows more.",
        examples=[specimens.WEBHOOK_URL],
        json_schema_extra={"format": "uri", "maxLength": LONGEST_URL},
    ),
]
Types = Annotated[
    # Strict would want members of the enumeration, which JSON does not have.
    list[Annotated[EventType, Field(strict=False)]],
    Field(
        min_length=1,
        description="Which events to post.",
        examples=[["device.offline", "device.online"]],
        json_schema_extra={"uniqueItems": True},
    ),
    AfterValidator(_distinct),
]
Description = Annotated[
    str,
    Field(max_length=200, json_schema_extra=CLEAN),
    AfterValidator(clean),
]
Delivering = Annotated[bool, Field(description="Whether events are posted.", examples=[True])]
OverlapSeconds = Annotated[
    int,
    Field(
        ge=0,
        le=int(LONGEST_OVERLAP.total_seconds()),
        description="How long the old secret goes on to sign beside the new one.",
        examples=[3600],
    ),
]


class WebhookCreate(Body):
    """A new webhook."""

    url: Url
    events: Types
    description: Description | None = Field(
        None, description="For people to read.", examples=["Opens tickets"]
    )
    org_id: OrgIdText | None = Field(
        None, description="One organization's events only; all of the MSP's by default."
    )
    enabled: Delivering = True


# Null is refused where there is nothing to clear.
_ABSENT: Any = None


class WebhookUpdate(Body):
    """What to change about a webhook (RFC 7396): what is absent stays, null clears."""

    url: Url = _ABSENT
    events: Types = _ABSENT
    description: Description | None = Field(None, examples=["Opens tickets"])
    org_id: OrgIdText | None = Field(
        None, description="One organization's events only; null for all of the MSP's."
    )
    enabled: Delivering = _ABSENT


class Webhook(Wire):
    """An address of yours that events are posted to."""

    id: str = Field(examples=[specimens.WEBHOOK_ID], json_schema_extra={"format": "uuid"})
    url: str = Field(examples=[specimens.WEBHOOK_URL])
    events: list[EventType] = Field(examples=[["device.offline", "device.online"]])
    description: str | None = Field(None, examples=["Opens tickets"])
    org_id: OrgIdRead | None = Field(None, description="Absent when it hears of all.")
    enabled: bool = Field(
        description="Whether events are posted; off also after it answered 410.", examples=[True]
    )
    created_at: Timestamp
    failing_since: Sometimes = Field(
        None, description="Since when every attempt has failed; absent when the last one did not."
    )
    suspended_at: Sometimes = Field(
        None,
        description="When deliveries were suspended, after failing for three days; until resumed.",
    )
    secret_overlaps_until: Sometimes = Field(
        None, description="Until when the secret before signs as well; absent when it does not."
    )


class WebhookWithSecret(Webhook):
    """A webhook, at the one moment its signing secret is shown."""

    secret: str = Field(
        description="Verify signatures with it; see docs/webhooks.md.",
        examples=[specimens.SIGNING_SECRET],
    )


class WebhookRead(Wire):
    """A webhook."""

    data: Webhook


class WebhookWithSecretRead(Wire):
    """A webhook, at the one moment its signing secret is shown."""

    data: WebhookWithSecret


class WebhooksRead(Wire):
    """All of the MSP's webhooks."""

    data: list[Webhook]
    meta: Total


class SecretRotate(Body):
    """How to replace a signing secret."""

    overlap_seconds: OverlapSeconds = int(DEFAULT_OVERLAP.total_seconds())


class DeliveryOutcome(Wire):
    """What came of one request to a webhook."""

    http_status: int | None = Field(
        default=None, description="Absent without an answer.", examples=[200]
    )
    latency_ms: int = Field(
        ge=0, description="Until the answer began, or there was to be none.", examples=[87]
    )
    error: str | None = Field(
        default=None, description="Why there was no answer, such as `timed out`; absent with one."
    )
    response_excerpt: str | None = Field(
        default=None, description="How the answer's body begins.", examples=["ok"]
    )


class DeliveryOutcomeRead(Wire):
    """What came of a test message."""

    data: DeliveryOutcome


class DeliveryAttempt(DeliveryOutcome):
    """One request to a webhook, and what came of it."""

    at: Timestamp


class Delivery(Wire):
    """An event on its way to a webhook, or at its end."""

    id: DeliveryIdRead
    event_id: EventIdRead
    status: DeliveryStatus = Field(
        description="`failed` when no more attempts are made.", examples=["delivered"]
    )
    attempts: list[DeliveryAttempt] = Field(description="Oldest first.")
    next_attempt_at: Sometimes = Field(
        None,
        description="Absent when it has ended, is being attempted just now, or waits for an "
        "earlier event of the same device.",
    )


class DeliveryRead(Wire):
    """An event on its way to a webhook."""

    data: Delivery


class DeliveriesRead(Wire):
    """A page of a webhook's deliveries, newest event first."""

    data: list[Delivery]
    meta: LogMeta


class ReplayCreate(Body):
    """Which events to post once more."""

    from_at: Timestamp = Field(
        alias="from", description="Included.", examples=["2026-02-24T00:00:00Z"]
    )
    to_at: Timestamp | None = Field(
        None,
        alias="to",
        description="Not included; now by default and at most.",
        examples=["2026-02-25T00:00:00Z"],
    )


class Replay(Wire):
    """The events that are being posted once more."""

    from_at: Timestamp = Field(serialization_alias="from", examples=["2026-02-24T00:00:00Z"])
    to_at: Timestamp = Field(
        serialization_alias="to",
        description="Now, when a later instant was asked for.",
        examples=["2026-02-25T00:00:00Z"],
    )


class ReplayRead(Wire):
    """The events that are being posted once more."""

    data: Replay
