"""When a device is healthy, warning or critical, and streaming, idle or offline.

The source is the Partner API document, "Device Status Logic". Rules are ordered: the first whose
condition holds names the label, and the last has no condition. Conditions speak a tiny vocabulary
(`seen_within`, `current`) that `facts.py` answers for values already loaded and
`devices/health.py` answers as SQL. Combine with `&`, never negate: "never seen" must fall through.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Generic, Protocol, Self, TypeVar

STREAMING_BELOW = timedelta(minutes=5)
ONLINE_UP_TO = timedelta(minutes=60)
CRITICAL_BEYOND = timedelta(hours=24)


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


class Condition(Protocol):
    """Something that holds or does not, in Python or in SQL."""

    def __and__(self, other: Self, /) -> Self:
        """Both hold."""


C = TypeVar("C", bound=Condition)
C_co = TypeVar("C_co", bound=Condition, covariant=True)
L = TypeVar("L", bound=StrEnum)


class Vocabulary(Protocol[C_co]):
    """What a rule may ask about a device."""

    def seen_less_than(self, age: timedelta) -> C_co:
        """The newest check-in is younger than `age`."""

    def seen_within(self, age: timedelta) -> C_co:
        """The newest check-in is at most `age` old."""

    @property
    def current(self) -> C_co:
        """The device runs the current version."""


@dataclass(frozen=True)
class Rule(Generic[L, C]):
    """A label and when it applies; the last rule of a list applies always."""

    label: L
    applies: Callable[[Vocabulary[C]], C] | None = None


def connection_rules() -> Sequence[Rule[Connection, C]]:
    """Under 5 minutes streaming, up to 60 minutes idle, beyond or never seen offline."""
    return (
        Rule(Connection.STREAMING, lambda device: device.seen_less_than(STREAMING_BELOW)),
        Rule(Connection.IDLE, lambda device: device.seen_within(ONLINE_UP_TO)),
        Rule(Connection.OFFLINE),
    )


def health_rules() -> Sequence[Rule[Health, C]]:
    """Seen within the hour and current is healthy; over a day or never is critical."""
    return (
        Rule(Health.HEALTHY, lambda device: device.seen_within(ONLINE_UP_TO) & device.current),
        Rule(Health.WARNING, lambda device: device.seen_within(CRITICAL_BEYOND)),
        Rule(Health.CRITICAL),
    )


def worst(counts: Mapping[Health, int]) -> Health:
    """The worst health among an organization's devices; healthy when it has none."""
    return next((health for health in Health if counts[health]), Health.HEALTHY)
