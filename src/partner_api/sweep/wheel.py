"""When to read which part of the devices table again: pure bookkeeping.

A full scan at every tick would cost a tenth of a core per million devices. But last_seen only
rises, so what was the earliest threshold of a range of pages stays a lower bound for the rows that
were there, and a range need not be read before that moment. Rows that come into it later have
their thresholds further off than the longest pause, or somebody leaves a hint.
"""

import heapq
from datetime import datetime, timedelta

PAGES = 32
"""Pages a range has: read in a fraction of a millisecond."""
LONGEST_PAUSE = timedelta(seconds=60)
"""Below the 65 seconds `record_changes` and `is_calm` take for near, by more than a tick."""
_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole parts, lie evenly however many there are."""


class Wheel:
    """Ranges of pages, each with the moment it is to be read next."""

    def __init__(self) -> None:
        self._pages = 0
        self._due: list[tuple[datetime, int]] = []

    def resize(self, pages: int, now: datetime) -> None:
        """Follow the table's size; new ranges are read at once, those beyond it no more."""
        known = range(0, self._pages, PAGES)
        for first in range(0, pages, PAGES)[len(known) :]:
            heapq.heappush(self._due, (now, first))
        if pages < self._pages:
            self._due = [entry for entry in self._due if entry[1] < pages]
            heapq.heapify(self._due)
        self._pages = pages

    def take_due(self, now: datetime, most: int) -> list[int]:
        """First pages of ranges to read now; each has to be put back by `remember`."""
        firsts: list[int] = []
        while self._due and self._due[0][0] <= now and len(firsts) < most:
            firsts.append(heapq.heappop(self._due)[1])
        return firsts

    def remember(self, first: int, next_due: datetime | None, now: datetime) -> None:
        """Read a range again when its next threshold passes, and at its own second anyway.

        After `now` in any case: a threshold that passes only after its very moment is not due at
        it, and the range would otherwise be read over and over within one round.
        """
        longest = now + _pause(first, now)
        due = min(next_due or longest, longest)
        heapq.heappush(self._due, (max(due, now + timedelta(microseconds=1)), first))


def _pause(first: int, now: datetime) -> timedelta:
    """Until the range's own second of the minute: read all at once, all would hold up the round.

    At most `LONGEST_PAUSE`, and more than nothing.
    """
    minute = LONGEST_PAUSE.total_seconds()
    own = first // PAGES * _GOLDEN % 1 * minute
    return timedelta(seconds=(own - now.timestamp()) % minute or minute)
