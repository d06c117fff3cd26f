"""Stretches of time up to now, cut into buckets that begin at multiples of their length."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class SeriesWindow(StrEnum):
    """How far back a series goes."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


_LENGTHS = {
    SeriesWindow.HOUR: (timedelta(hours=1), timedelta(minutes=5)),
    SeriesWindow.DAY: (timedelta(hours=24), timedelta(minutes=15)),
    SeriesWindow.WEEK: (timedelta(days=7), timedelta(hours=1)),
    SeriesWindow.MONTH: (timedelta(days=30), timedelta(days=1)),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets that overlap a window; the last one is running."""

    first: datetime
    length: timedelta
    number: int

    @classmethod
    def of(cls, window: SeriesWindow, now: datetime) -> "Buckets":
        """Those of a window that ends now."""
        reach, length = _LENGTHS[window]
        first = _floor(now - reach, length)
        return cls(first, length, (now - first) // length + 1)

    @property
    def starts(self) -> list[datetime]:
        """When each begins."""
        return [self.first + n * self.length for n in range(self.number)]

    def place(self, moment: datetime) -> int:
        """Which bucket a moment is in; below 0 or too high for one outside."""
        return (moment - self.first) // self.length


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % length
