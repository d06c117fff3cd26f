"""When a device is healthy, warning or critical, and streaming, idle or offline.

The source is the Partner API document, "Device Status Logic". A device's stage is the number of
thresholds that have passed since it was last seen; its stage, and whether it runs the current
version, say everything else. Postgres tells stages by `status_stage` and `status_walk`
(devices/sql), and labels by `devices/health.py`, which is made of what stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum


class Health(StrEnum):
    """How a device fares, worst first: the order lists are sorted in."""

    CRITICAL = "critical"
    WARNING = "warning"
    HEALTHY = "healthy"


class Connection(StrEnum):
    """Whether a device is talking to us."""

    STREAMING = "streaming"
    IDLE = "idle"
    OFFLINE = "offline"


class Stage(IntEnum):
    """How many thresholds have passed; a device nobody ever saw is lost."""

    STREAMING = 0
    IDLE = 1
    OFFLINE = 2
    LOST = 3


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Ages that end a stage, in seconds and in order; the document's by default.

    Streaming ends at its age, the others after theirs.
    """

    streaming_seconds: int = 300
    online_seconds: int = 3600
    critical_seconds: int = 86400

    def ending(self, stage: Stage) -> timedelta | None:
        """The age at which a stage ends; None for the last."""
        ages = (self.streaming_seconds, self.online_seconds, self.critical_seconds)
        return timedelta(seconds=ages[stage]) if stage < len(ages) else None

    def stage(self, last_seen: datetime | None, now: datetime) -> Stage:
        """How many have passed at `now`."""
        if last_seen is None:
            return Stage.LOST
        age = (now - last_seen).total_seconds()
        if age < self.streaming_seconds:
            return Stage.STREAMING
        if age <= self.online_seconds:
            return Stage.IDLE
        return Stage.OFFLINE if age <= self.critical_seconds else Stage.LOST


CONNECTIONS: Mapping[Stage, Connection] = {
    Stage.STREAMING: Connection.STREAMING,
    Stage.IDLE: Connection.IDLE,
    Stage.OFFLINE: Connection.OFFLINE,
    Stage.LOST: Connection.OFFLINE,
}


def health_of(stage: Stage, *, is_current: bool) -> Health:
    """Online and current is healthy; lost is critical; everything between is a warning."""
    if stage is Stage.LOST:
        return Health.CRITICAL
    return Health.HEALTHY if stage <= Stage.IDLE and is_current else Health.WARNING


@dataclass(frozen=True, slots=True)
class State:
    """A stage and whether the device runs the current version; stored as one number."""

    stage: Stage
    is_current: bool

    @classmethod
    def from_number(cls, number: int) -> "State":
        """The state a row holds, as `status_state` numbers them."""
        return cls(Stage(number // 2), number % 2 == 0)

    @property
    def connection(self) -> Connection:
        """Streaming, idle or offline."""
        return CONNECTIONS[self.stage]

    @property
    def health(self) -> Health:
        """Healthy, warning or critical."""
        return health_of(self.stage, is_current=self.is_current)


STATES = tuple(State.from_number(number) for number in range(2 * len(Stage)))


def worst(counts: Mapping[Health, int]) -> Health:
    """The worst health among an organization's devices; healthy when it has none."""
    return next((health for health in Health if counts[health]), Health.HEALTHY)
