"""Pure functions from webhooks and deliveries to what travels, and back."""

from datetime import datetime

from partner_api.events.types import EventType, format_event_id
from partner_api.kernel.ids import OrgId, format_org_id
from partner_api.surfaces.partner import webhook_schemas as schemas
from partner_api.webhooks import models
from partner_api.webhooks.service import overlaps_until
from partner_api.webhooks.transport import Answered, Outcome
from partner_api.webhooks.types import (
    Attempt,
    DeliveryView,
    NewSecret,
    WebhookChange,
    format_delivery_id,
)


def webhook(row: models.Webhook, now: datetime) -> schemas.Webhook:
    """A webhook without its secret."""
    return schemas.Webhook(
        id=str(row.webhook_id),
        url=row.url,
        events=[EventType(each) for each in row.events],
        description=row.description,
        org_id=None if row.org_id is None else format_org_id(OrgId(row.org_id)),
        enabled=row.is_enabled,
        created_at=row.created_at,
        failing_since=row.failing_since,
        suspended_at=row.suspended_at,
        secret_overlaps_until=overlaps_until(row, now),
    )


def webhook_with_secret(new: NewSecret, now: datetime) -> schemas.WebhookWithSecret:
    """A webhook with its secret."""
    return schemas.WebhookWithSecret(**webhook(new.webhook, now).model_dump(), secret=new.secret)


def webhook_change(body: schemas.WebhookUpdate, url: str | None) -> WebhookChange:
    """A change, of the fields that were sent; the URL as it was checked."""
    change = WebhookChange()
    sent = body.model_fields_set
    if url is not None:
        change["url"] = url
    if "events" in sent:
        change["events"] = body.events
    if "description" in sent:
        change["description"] = body.description
    if "org_id" in sent:
        change["org_id"] = body.org_id
    if "enabled" in sent:
        change["is_enabled"] = body.enabled
    return change


def outcome(found: Outcome) -> schemas.DeliveryOutcome:
    """What came of a test message."""
    if isinstance(found, Answered):
        return schemas.DeliveryOutcome(
            http_status=found.status,
            latency_ms=found.latency_ms,
            response_excerpt=found.excerpt or None,
        )
    return schemas.DeliveryOutcome(latency_ms=found.latency_ms, error=found.error)


def delivery(view: DeliveryView) -> schemas.Delivery:
    """A delivery with all its attempts."""
    return schemas.Delivery(
        id=format_delivery_id(view.position),
        event_id=format_event_id(view.position),
        status=view.status,
        attempts=[_attempt(each) for each in view.attempts],
        next_attempt_at=view.next_attempt_at,
    )


def replay(row: models.Replay) -> schemas.Replay:
    """A replay."""
    return schemas.Replay(from_at=row.from_at, to_at=row.to_at)


def _attempt(attempt: Attempt) -> schemas.DeliveryAttempt:
    return schemas.DeliveryAttempt(
        at=attempt.at,
        http_status=attempt.http_status,
        latency_ms=attempt.latency_ms,
        error=attempt.error,
        response_excerpt=attempt.response_excerpt,
    )
