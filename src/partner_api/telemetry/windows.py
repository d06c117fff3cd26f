"""The stretches of time that analytics look back over; each begins where a slot does."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.stretches import A_DAY, AN_HOUR, FIVE_MINUTES


class WindowName(StrEnum):
    """As requests and answers spell it."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


@dataclass(frozen=True, slots=True)
class _Extent:
    seconds: int
    of_stretches: int
    """The length of the stretches it is made of, in seconds."""


_EXTENTS: Final = {
    WindowName.HOUR: _Extent(3600, FIVE_MINUTES),
    WindowName.DAY: _Extent(86400, AN_HOUR),
    WindowName.WEEK: _Extent(7 * 86400, A_DAY),
    WindowName.MONTH: _Extent(30 * 86400, A_DAY),
}


@dataclass(frozen=True, slots=True)
class PercentileWindow:
    """A window at an instant: whole stretches, the running one among them."""

    name: WindowName
    since: datetime
    until: datetime
    stretch_seconds: int


def window_at(name: WindowName, now: datetime) -> PercentileWindow:
    """The stretches that overlap a window that ends now."""
    extent = _EXTENTS[name]
    begin = to_millis(now) - extent.seconds * 1000
    since = from_millis(floor(begin, extent.of_stretches * 1000))
    return PercentileWindow(name, since, now, extent.of_stretches)
