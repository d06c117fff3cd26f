"""What has been sent and answered, and how long answers took."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

_STEP = math.log(1.05)


class Latencies:
    """Durations, kept so that any number of them takes little room and quantiles are 5 % exact."""

    def __init__(self) -> None:
        self._buckets = Counter[int]()

    def add(self, seconds: float) -> None:
        """One more."""
        self._buckets[round(math.log(max(seconds, 1e-6)) / _STEP)] += 1

    def quantile(self, share: float) -> float | None:
        """The seconds within which this share of them lies; None when there are none."""
        left = math.ceil(share * self._buckets.total())
        for bucket, number in sorted(self._buckets.items()):
            left -= number
            if left <= 0:
                return math.exp(bucket * _STEP)
        return None


@dataclass
class Tally:
    """Counts check-ins, and attempts of any request that failed or were refused."""

    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    errors: int = 0
    latencies: Latencies = field(default_factory=Latencies)
    recent: Latencies = field(default_factory=Latencies)

    def answered(self, accepted: int, duplicates: int, seconds: float) -> None:
        """A check-in was answered."""
        self.accepted += accepted
        self.duplicates += duplicates
        self.latencies.add(seconds)
        self.recent.add(seconds)


class Telling:
    """Puts a tally in words, now and then and in the end."""

    def __init__(self, tally: Tally, now: Callable[[], float] = monotonic) -> None:
        self._tally = tally
        self._now = now
        self._began_at = self._told_at = now()
        self._told = tally.sent

    def progress(self) -> str:
        """All counts so far; rate and latencies since the last time."""
        tally, now = self._tally, self._now()
        rate = _rate(tally.sent - self._told, now - self._told_at)
        recent, tally.recent = tally.recent, Latencies()
        self._told, self._told_at = tally.sent, now
        return _line(tally, rate, recent)

    def summary(self, devices: int) -> str:
        """Everything, on average."""
        seconds = self._now() - self._began_at
        rate = _rate(self._tally.sent, seconds)
        line = _line(self._tally, rate, self._tally.latencies)
        return f"{devices} devices in {seconds:.0f} s: {line}"


def _line(tally: Tally, rate: float, latencies: Latencies) -> str:
    return (
        f"sent {tally.sent}, accepted {tally.accepted}, duplicates {tally.duplicates}, "
        f"errors {tally.errors}, {rate:.1f}/s, "
        f"p50/p99 {_milliseconds(latencies, 0.5)}/{_milliseconds(latencies, 0.99)} ms"
    )


def _rate(number: int, seconds: float) -> float:
    return number / seconds if seconds > 0 else 0.0


def _milliseconds(latencies: Latencies, share: float) -> str:
    seconds = latencies.quantile(share)
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f}"
