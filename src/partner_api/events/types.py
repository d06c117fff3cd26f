"""What an event is, and what kinds there are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from partner_api.kernel.ids import ClientId, MspId, OrgId

_DIGITS = 16
_EVENT_ID = re.compile(rf"evt_([0-9]{{{_DIGITS}}})", re.ASCII)


class EventType(StrEnum):
    """What may have happened."""

    DEVICE_ENROLLED = "device.enrolled"
    DEVICE_CHECKIN = "device.checkin"
    DEVICE_ONLINE = "device.online"
    DEVICE_OFFLINE = "device.offline"
    DEVICE_STATUS_CHANGED = "device.status_changed"
    DEVICE_VERSION_CHANGED = "device.version_changed"
    DEVICE_MOVED = "device.moved"
    DEVICE_DELETED = "device.deleted"
    ALERT_TRIGGERED = "alert.triggered"
    ALERT_RESOLVED = "alert.resolved"
    ORG_CREATED = "org.created"
    ORG_UPDATED = "org.updated"
    ORG_DELETED = "org.deleted"
    CREDENTIAL_CREATED = "credential.created"
    CREDENTIAL_REGENERATED = "credential.regenerated"
    CREDENTIAL_DISABLED = "credential.disabled"
    RELEASE_PUBLISHED = "release.published"
    WEBHOOK_SUSPENDED = "webhook.suspended"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, at its place in its MSP's log.

    `data` holds facts, for whoever shows the event to render.
    """

    position: int
    type: EventType
    happened_at: datetime
    msp_id: MspId
    org_id: OrgId | None
    client_id: ClientId | None
    data: Mapping[str, object]


def format_event_id(position: int) -> str:
    """`evt_` and the place in the MSP's log, padded so that ids sort as text."""
    return f"evt_{position:0{_DIGITS}d}"


def parse_event_id(text: str) -> int | None:
    """The place an event id names, or None for any other text."""
    found = _EVENT_ID.fullmatch(text)
    return int(found[1]) if found else None
