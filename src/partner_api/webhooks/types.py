"""What webhooks and deliveries are to those who ask for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, auto
from typing import TypedDict

from msgspec import Struct

from partner_api.events.types import EventType, format_event_id, parse_event_id
from partner_api.kernel.ids import OrgId
from partner_api.webhooks.models import Webhook

_PREFIX = "dlv_"
_EVENT_PREFIX = "evt_"


@dataclass(frozen=True)
class WebhookDraft:
    """A webhook that is to be; its URL was checked."""

    url: str
    events: Sequence[EventType]
    description: str | None = None
    org_id: OrgId | None = None
    is_enabled: bool = True


class WebhookChange(TypedDict, total=False):
    """What is to change about a webhook; what is absent stays as it is."""

    url: str
    """Checked before."""
    events: Sequence[EventType]
    description: str | None
    org_id: OrgId | None
    is_enabled: bool


@dataclass(frozen=True)
class NewSecret:
    """A webhook's signing secret, at the one moment it can be shown."""

    webhook: Webhook
    secret: str = field(repr=False)


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    PENDING = auto()
    DELIVERED = auto()
    FAILED = auto()


class Attempt(Struct, frozen=True, rename="camel"):
    """One request to a webhook and what came of it, as it is stored."""

    at: datetime
    latency_ms: int
    http_status: int | None = None
    error: str | None = None
    response_excerpt: str | None = None


@dataclass(frozen=True)
class DeliveryView:
    """An event's way to a webhook, so far."""

    position: int
    """The event's place in the log, and with the webhook the delivery's identity."""
    status: DeliveryStatus
    attempts: Sequence[Attempt]
    next_attempt_at: datetime | None
    """Absent while one is being made, or waits for an earlier event of the same device."""


def format_delivery_id(position: int) -> str:
    """`dlv_` and the digits of its event's id."""
    return _PREFIX + format_event_id(position).removeprefix(_EVENT_PREFIX)


def parse_delivery_id(text: str) -> int | None:
    """The event's place in the log that a delivery id names, or None for any other text."""
    if not text.startswith(_PREFIX):
        return None
    return parse_event_id(_EVENT_PREFIX + text.removeprefix(_PREFIX))
