"""Token buckets: how much each of many may do, in bursts and over time."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from partner_api.kernel.errors import RateLimited

_REMEMBERED = 100_000


class Buckets:
    """One bucket for each key, of `capacity` tokens, refilled at `rate` a second.

    Kept in this process: several processes allow as many times more, which is what a bound against
    floods needs and no more. `monotonic` tells the time in seconds.
    """

    def __init__(self, capacity: float, rate: float, monotonic: Callable[[], float]) -> None:
        self._capacity = capacity
        self._rate = rate
        self._monotonic = monotonic
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, amount: float, message: str) -> None:
        """Take tokens; RateLimited, with `message` and the wait, when there are too few."""
        now = self._monotonic()
        level, since = self._levels.pop(key, (self._capacity, now))
        level = min(self._capacity, level + (now - since) * self._rate)
        if level < min(amount, self._capacity):
            self._levels[key] = (level, now)
            raise RateLimited(message, 1 + int((amount - level) / self._rate))
        self._levels[key] = (level - amount, now)
        if len(self._levels) > _REMEMBERED:
            self._levels.popitem(last=False)
