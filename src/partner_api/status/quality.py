"""When a device's network is good, degraded or poor.

Limits are those of interactive speech, the first thing to suffer:

- *Good*: Microsoft, "Media Quality and Network Connectivity Performance" (Skype for Business and
  Teams), from the client to the edge: round trip below 100 ms, jitter below 30 ms, packet loss
  below 1 percent.
- *Degraded*, until it is *poor*. Latency: ITU-T G.114 has most uses unharmed by up to 150 ms one
  way, so 300 ms there and back. Jitter: ITU-T Y.1541 allows 50 ms in classes 0 and 1. Packet loss:
  Microsoft, "Stream Classification in Call Quality Dashboard", calls audio poor above 10 percent.

A measure at a limit is still within it. An MSP may choose other limits.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

WINDOW: Final = timedelta(minutes=15)
"""What is judged: the medians of this long, and a device without a sample in it is offline."""


class Level(StrEnum):
    """How a device's network fares, best first."""

    GOOD = "good"
    DEGRADED = "degraded"
    POOR = "poor"
    OFFLINE = "offline"


_WORSE: Final = tuple(Level)


@dataclass(frozen=True, slots=True)
class Limits:
    """Up to which measure a network is good, and up to which degraded; above it is poor."""

    good_latency_ms: int = 100
    degraded_latency_ms: int = 300
    good_jitter_ms: int = 30
    degraded_jitter_ms: int = 50
    good_packet_loss_pct: int = 1
    degraded_packet_loss_pct: int = 10

    def level(
        self, latency: float | None, jitter: float | None, packet_loss: float | None
    ) -> Level | None:
        """The worst of what was measured, in thousandths; None when nothing was."""
        levels = (
            _level(latency, self.good_latency_ms, self.degraded_latency_ms),
            _level(jitter, self.good_jitter_ms, self.degraded_jitter_ms),
            _level(packet_loss, self.good_packet_loss_pct, self.degraded_packet_loss_pct),
        )
        measured = [level for level in levels if level is not None]
        return max(measured, key=_WORSE.index, default=None)


def _level(measure: float | None, good: int, degraded: int) -> Level | None:
    if measure is None:
        return None
    if measure <= good * 1000:
        return Level.GOOD
    return Level.DEGRADED if measure <= degraded * 1000 else Level.POOR
