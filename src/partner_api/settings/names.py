"""The settings there are: how each is called, its bounds, and the server's own values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from partner_api.status.rules import Thresholds

_HOUR, _DAY = 3600, 86400


class Setting(StrEnum):
    """A whole number somebody may choose, as requests, answers and rows call it."""

    STREAMING = "streamingSeconds"
    ONLINE = "onlineSeconds"
    CRITICAL = "criticalSeconds"
    OFFLINE_EVENT = "offlineEventSeconds"
    CHECK_IN_INTERVAL = "checkInIntervalSeconds"
    LOGS = "retentionDays.logs"
    STATUS_HISTORY = "retentionDays.statusHistory"


Values = Mapping[Setting, int]
"""Chosen or effective values, by setting."""
Change = Mapping[Setting, int | None]
"""What to choose; None inherits again, and what is absent stays."""

THRESHOLDS: Final = (Setting.STREAMING, Setting.ONLINE, Setting.CRITICAL)
"""None may be below the one before it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From and to which value, both included."""

    lowest: int
    highest: int

    def check(self, value: object) -> int:
        """The value itself; ValueError says what is allowed."""
        # To Python a bool is an int; to whoever sends one it is none.
        if type(value) is not int or not self.lowest <= value <= self.highest:
            allowed = f"a whole number from {self.lowest} to {self.highest}"
            raise ValueError(f"must be {allowed}, or null to inherit")
        return value


BOUNDS: Final[Mapping[Setting, Bounds]] = {
    Setting.STREAMING: Bounds(60, _DAY),
    Setting.ONLINE: Bounds(60, 30 * _DAY),
    Setting.CRITICAL: Bounds(60, 90 * _DAY),
    Setting.OFFLINE_EVENT: Bounds(60, 30 * _DAY),
    Setting.CHECK_IN_INTERVAL: Bounds(10, _HOUR),
    # The longest is what the server keeps: partitions drop then, whatever was chosen.
    Setting.LOGS: Bounds(1, 30),
    Setting.STATUS_HISTORY: Bounds(1, 400),
}

DEFAULTS: Final[Values] = {
    Setting.STREAMING: Thresholds().streaming_seconds,
    Setting.ONLINE: Thresholds().online_seconds,
    Setting.CRITICAL: Thresholds().critical_seconds,
    Setting.OFFLINE_EVENT: _HOUR,
    Setting.LOGS: BOUNDS[Setting.LOGS].highest,
    Setting.STATUS_HISTORY: BOUNDS[Setting.STATUS_HISTORY].highest,
}
"""Without the check-in interval, which the operator sets for each server."""
