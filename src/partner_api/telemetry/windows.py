"""Stretches of time up to now, cut into buckets that begin at multiples of their length."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final


class WindowName(StrEnum):
    """How far back to look."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Extent:
    reach: timedelta
    bucket: timedelta
    """Of a series."""
    stretch: timedelta
    """Of which one figure for all of it is made."""


_EXTENTS: Final = {
    WindowName.HOUR: _Extent(timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=5)),
    WindowName.DAY: _Extent(timedelta(days=1), timedelta(minutes=15), timedelta(hours=1)),
    WindowName.WEEK: _Extent(timedelta(days=7), timedelta(hours=1), timedelta(days=1)),
    WindowName.MONTH: _Extent(timedelta(days=30), timedelta(days=1), timedelta(days=1)),
}


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets that overlap a window; the last one is running."""

    first: datetime
    length: timedelta
    number: int

    @classmethod
    def of(cls, window: WindowName, now: datetime) -> "Buckets":
        """Those of a window that ends now."""
        extent = _EXTENTS[window]
        first = _floor(now - extent.reach, extent.bucket)
        return cls(first, extent.bucket, (now - first) // extent.bucket + 1)

    @property
    def starts(self) -> list[datetime]:
        """When each begins."""
        return [self.first + n * self.length for n in range(self.number)]

    def place(self, moment: datetime) -> int:
        """Which bucket a moment is in; below 0 or too high for one outside."""
        return (moment - self.first) // self.length


@dataclass(frozen=True, slots=True)
class WholeWindow:
    """A window at an instant: whole stretches, the running one among them."""

    name: WindowName
    since: datetime
    until: datetime
    stretch: timedelta

    @classmethod
    def of(cls, name: WindowName, now: datetime) -> "WholeWindow":
        """The stretches that overlap a window that ends now."""
        extent = _EXTENTS[name]
        return cls(name, _floor(now - extent.reach, extent.stretch), now, extent.stretch)


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % length
