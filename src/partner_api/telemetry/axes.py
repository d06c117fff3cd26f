"""Where values and moments are on a chart, and which of them to name."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import Final

_VALUES: Final = 5
_MOMENTS: Final = 7
"""How many are named, about and at most."""
_HOUR, _DAY = 3600, 86400
_STEPS: Final = (
    *(60, 120, 300, 600, 900, 1800),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 5, 10, 30, 90, 365)),
)
"""Seconds between moments that are named."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ValueAxis:
    """From `bottom` up to `top`; zero is always on it."""

    def __init__(self, values: Sequence[float], bottom: float, top: float) -> None:
        low, high = min(values, default=0), max(values, default=0)
        low, high = min(low, 0), max(high, 0)
        step = _neat((high - low or 1) / _VALUES)
        if all(float(value).is_integer() for value in values):
            # What is counted has no halves.
            step = max(step, 1)
        self._step, self._lowest = step, floor(low / step)
        self._highest = max(ceil(high / step), self._lowest + 1)
        self._bottom, self._top = bottom, top

    def at(self, value: float) -> float:
        """Where a value is."""
        share = (value / self._step - self._lowest) / (self._highest - self._lowest)
        return self._bottom - share * (self._bottom - self._top)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Values to name, and how, lowest first."""
        decimals = max(0, -floor(log10(self._step)))
        for number in range(self._lowest, self._highest + 1):
            value = number * self._step
            yield value, f"{value:,.{decimals}f}"


class TimeAxis:
    """From `left`, where the first bucket begins, to `right`, where the last one ends."""

    def __init__(
        self, timestamps: Sequence[datetime], bucket: timedelta, left: float, right: float
    ) -> None:
        self._start = timestamps[0] if timestamps else _EPOCH
        self._end = (timestamps[-1] if timestamps else _EPOCH) + bucket
        self._left, self._right = left, right
        self._is_empty = not timestamps

    def at(self, moment: datetime) -> float:
        """Where a moment is."""
        share = (moment - self._start) / (self._end - self._start)
        return self._left + share * (self._right - self._left)

    def ticks(self) -> Iterator[tuple[datetime, bool]]:
        """Moments to name, in UTC and in order, and whether by their time of day too."""
        if self._is_empty:
            return
        seconds = (self._end - self._start).total_seconds()
        step = next((each for each in _STEPS if seconds / each <= _MOMENTS), _STEPS[-1])
        first = ceil((self._start - _EPOCH).total_seconds() / step) * step
        for since in range(first, int((self._end - _EPOCH).total_seconds()) + 1, step):
            yield _EPOCH + timedelta(seconds=since), step < _DAY


def _neat(step: float) -> float:
    """The next larger of 1, 2, 5, 10, ... at any power of ten."""
    power = 10.0 ** floor(log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step)
