"""What devices send, parsed, and what becomes of it.

Structs, because a frozen dataclass takes eight times as long to make, and each check-in makes some.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

from partner_api.devices.facts import Facts
from partner_api.kernel.ids import ClientId, OrgId
from partner_api.logs.severity import Severity
from partner_api.status.rules import Stage
from partner_api.telemetry.types import Sample

Item = TypeVar("Item")


class CheckIn(Struct, frozen=True):
    """One check-in: when the device observed itself, and what it said then."""

    observed_at: datetime
    sequence: int | None
    facts: Facts
    digest: int
    """Of the facts, for telling cheaply that nothing new was said."""
    sample: Sample | None = None


class Rejection(Struct, frozen=True):
    """One item that was not taken, its place in the request, and why."""

    index: int
    message: str
    client_id: str | None = None
    """Of a relayed item: the device it is about, as the item spells it."""


class RelayedCheckIn(Struct, frozen=True):
    """A check-in of any device of an MSP, and its place in the request."""

    index: int
    client_id: ClientId
    org_id: OrgId | None
    """Where to register the device, if nobody knows it."""
    check_in: CheckIn


class CheckInOutcome(Struct, frozen=True):
    """What became of a device's check-ins, and how it stands afterwards."""

    accepted: int
    duplicates: int
    last_seen: datetime | None
    stage: Stage
    is_current_version: bool
    latest_version: str | None
    check_in_interval_seconds: int | None
    """As its organization chose it; None for the server's."""


class LogLine(Struct, frozen=True):
    """One log entry as a device reported it; `payload` is JSON text."""

    logged_at: datetime
    severity: Severity
    payload: str


class Parsed(Struct, Generic[Item], frozen=True):
    """A request's items, the good ones and the others."""

    items: Sequence[Item]
    rejected: Sequence[Rejection]
