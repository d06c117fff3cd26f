"""What devices send, parsed, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from partner_api.devices.facts import Facts
from partner_api.kernel.ids import ClientId, OrgId
from partner_api.logs.severity import Severity
from partner_api.status.rules import Stage

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class CheckIn:
    """One check-in: when the device observed itself, and what it said then."""

    observed_at: datetime
    sequence: int | None
    facts: Facts
    digest: int
    """Of the facts, for telling cheaply that nothing new was said."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One item that was not taken, its place in the request, and why."""

    index: int
    message: str
    client_id: str | None = None
    """Of a relayed item: the device it is about, as the item spells it."""


@dataclass(frozen=True, slots=True)
class RelayedCheckIn:
    """A check-in of any device of an MSP, and its place in the request."""

    index: int
    client_id: ClientId
    org_id: OrgId | None
    """Where to register the device, if nobody knows it."""
    check_in: CheckIn


@dataclass(frozen=True, slots=True)
class CheckInOutcome:
    """What became of a device's check-ins, and how it stands afterwards."""

    accepted: int
    duplicates: int
    last_seen: datetime | None
    stage: Stage
    is_current_version: bool
    latest_version: str | None
    check_in_interval_seconds: int | None
    """As its organization chose it; None for the server's."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log entry as a device reported it; `payload` is JSON text."""

    logged_at: datetime
    severity: Severity
    payload: str


@dataclass(frozen=True)
class Parsed(Generic[Item]):
    """A request's items, the good ones and the others."""

    items: Sequence[Item]
    rejected: Sequence[Rejection]
