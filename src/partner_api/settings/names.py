"""The settings there are: how each is called, its bounds, and the server's own values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from partner_api.status.quality import Limits
from partner_api.status.rules import Thresholds

_HOUR, _DAY = 3600, 86400
_MINUTE_MS = 60_000


class Setting(StrEnum):
    """A whole number somebody may choose, as requests, answers and rows call it."""

    STREAMING = "streamingSeconds"
    ONLINE = "onlineSeconds"
    CRITICAL = "criticalSeconds"
    OFFLINE_EVENT = "offlineEventSeconds"
    CHECK_IN_INTERVAL = "checkInIntervalSeconds"
    LOGS = "retentionDays.logs"
    STATUS_HISTORY = "retentionDays.statusHistory"
    SAMPLES = "retentionDays.samples"
    MINUTES = "retentionDays.minutes"
    HOURS = "retentionDays.hours"
    GOOD_LATENCY = "networkQuality.goodLatencyMs"
    DEGRADED_LATENCY = "networkQuality.degradedLatencyMs"
    GOOD_JITTER = "networkQuality.goodJitterMs"
    DEGRADED_JITTER = "networkQuality.degradedJitterMs"
    GOOD_PACKET_LOSS = "networkQuality.goodPacketLossPct"
    DEGRADED_PACKET_LOSS = "networkQuality.degradedPacketLossPct"


Values = Mapping[Setting, int]
"""Chosen or effective values, by setting."""
Change = Mapping[Setting, int | None]
"""What to choose; None inherits again, and what is absent stays."""

THRESHOLDS: Final = (Setting.STREAMING, Setting.ONLINE, Setting.CRITICAL)
"""When a device's stages end; organizations choose theirs too."""
ORDERS: Final = (
    THRESHOLDS,
    (Setting.GOOD_LATENCY, Setting.DEGRADED_LATENCY),
    (Setting.GOOD_JITTER, Setting.DEGRADED_JITTER),
    (Setting.GOOD_PACKET_LOSS, Setting.DEGRADED_PACKET_LOSS),
)
"""In each of these, none may be below the one before it."""


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
    Setting.SAMPLES: Bounds(1, 7),
    Setting.MINUTES: Bounds(1, 30),
    Setting.HOURS: Bounds(1, 400),
    Setting.GOOD_LATENCY: Bounds(1, _MINUTE_MS),
    Setting.DEGRADED_LATENCY: Bounds(1, _MINUTE_MS),
    Setting.GOOD_JITTER: Bounds(1, _MINUTE_MS),
    Setting.DEGRADED_JITTER: Bounds(1, _MINUTE_MS),
    Setting.GOOD_PACKET_LOSS: Bounds(0, 100),
    Setting.DEGRADED_PACKET_LOSS: Bounds(0, 100),
}

DEFAULTS: Final[Values] = {
    Setting.STREAMING: Thresholds().streaming_seconds,
    Setting.ONLINE: Thresholds().online_seconds,
    Setting.CRITICAL: Thresholds().critical_seconds,
    Setting.OFFLINE_EVENT: _HOUR,
    Setting.LOGS: BOUNDS[Setting.LOGS].highest,
    Setting.STATUS_HISTORY: BOUNDS[Setting.STATUS_HISTORY].highest,
    Setting.SAMPLES: BOUNDS[Setting.SAMPLES].highest,
    Setting.MINUTES: BOUNDS[Setting.MINUTES].highest,
    Setting.HOURS: BOUNDS[Setting.HOURS].highest,
    Setting.GOOD_LATENCY: Limits().good_latency_ms,
    Setting.DEGRADED_LATENCY: Limits().degraded_latency_ms,
    Setting.GOOD_JITTER: Limits().good_jitter_ms,
    Setting.DEGRADED_JITTER: Limits().degraded_jitter_ms,
    Setting.GOOD_PACKET_LOSS: Limits().good_packet_loss_pct,
    Setting.DEGRADED_PACKET_LOSS: Limits().degraded_packet_loss_pct,
}
"""Without the check-in interval, which the operator sets for each server."""
