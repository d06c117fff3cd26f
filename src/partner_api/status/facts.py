"""The rules answered for one device whose facts are already loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from partner_api.status.rules import Connection, Health, L, Rule, connection_rules, health_rules


@dataclass(frozen=True)
class Facts:
    """What the rules need to know of a device, and the instant they are asked at."""

    now: datetime
    last_seen: datetime | None
    current: bool

    def seen_less_than(self, age: timedelta) -> bool:
        """The newest check-in is younger than `age`."""
        return self.last_seen is not None and self.now - self.last_seen < age

    def seen_within(self, age: timedelta) -> bool:
        """The newest check-in is at most `age` old."""
        return self.last_seen is not None and self.now - self.last_seen <= age

    @property
    def connection(self) -> Connection:
        """Streaming, idle or offline."""
        return _first(connection_rules(), self)

    @property
    def health(self) -> Health:
        """Healthy, warning or critical."""
        return _first(health_rules(), self)


def _first(rules: Sequence[Rule[L, bool]], facts: Facts) -> L:
    return next(rule.label for rule in rules if rule.applies is None or rule.applies(facts))
