"""What people read of the past."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from partner_api.status.rules import Connection, Health, State


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a device; it came from nowhere when it enrolled, and went there when deleted."""

    at: datetime
    before: State | None
    after: State | None
    cause: str


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which steps to list, both ends included; None lets all through."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that is over."""

    since: datetime
    until: datetime

    @property
    def seconds(self) -> Decimal:
        """How long it is, to the microsecond."""
        return Decimal((self.until - self.since) // timedelta(microseconds=1)) / 1_000_000


@dataclass(frozen=True, slots=True)
class Availability:
    """How many seconds devices spent in each state, in sum; each second counts once in either."""

    window: Window
    connection: Mapping[Connection, Decimal]
    health: Mapping[Health, Decimal]

    @property
    def device_seconds(self) -> Decimal:
        """How many there were in all."""
        return sum(self.connection.values(), Decimal(0))
