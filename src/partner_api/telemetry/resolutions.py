"""How finely a device's past is shown: as it was measured, or by stretches of time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from partner_api.kernel.errors import Invalid
from partner_api.telemetry.moments import to_millis
from partner_api.telemetry.packing import DAY, HOUR, MINUTE

MOST_POINTS: Final = 1000


class Resolution(StrEnum):
    """As requests and answers spell it, from fine to coarse."""

    RAW = "raw"
    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def coarser(self) -> "Resolution | None":
        """The next one."""
        order = list(Resolution)
        following = order.index(self) + 1
        return order[following] if following < len(order) else None


LENGTHS: Final = {
    Resolution.MINUTE: MINUTE,
    Resolution.FIVE_MINUTES: 5 * MINUTE,
    Resolution.HOUR: HOUR,
    Resolution.DAY: DAY,
}
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class Kept:
    """From when on there are samples, minutes and hours to read."""

    samples: datetime
    minutes: datetime
    hours: datetime

    def since(self, resolution: Resolution) -> datetime:
        """From when on a resolution can be shown."""
        if resolution is Resolution.RAW:
            return self.samples
        if resolution in {Resolution.MINUTE, Resolution.FIVE_MINUTES}:
            return self.minutes
        return self.hours

    def since_details(self, resolution: Resolution) -> datetime:
        """From when on there are hops and metrics: as long as minutes, or as samples."""
        return self.samples if resolution is Resolution.RAW else self.minutes


def may_be(resolution: Resolution, since: datetime, until: datetime) -> bool:
    """Whether a stretch overlaps few enough slots; of samples themselves nobody knows before."""
    if resolution is Resolution.RAW:
        return True
    length = LENGTHS[resolution]
    return to_millis(until) // length - to_millis(since) // length < MOST_POINTS


def too_fine(resolution: Resolution) -> Invalid:
    """The refusal of a resolution; a day is never too fine."""
    return Invalid(
        f"resolution {resolution} gives more than {MOST_POINTS:,} points between from and to; "
        f"ask for {resolution.coarser}, or a shorter stretch"
    )


def finest(since: datetime, until: datetime, kept: Kept) -> Resolution:
    """The finest that is kept all the way back; samples are tried first by whoever asks."""
    for resolution in LENGTHS:
        if may_be(resolution, since, until) and kept.since(resolution) <= since:
            return resolution
    return Resolution.HOUR if may_be(Resolution.HOUR, since, until) else Resolution.DAY
