"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class StoppedClock:
    """Starts at the present second, so that today's partitions are there."""

    def __init__(self) -> None:
        self.start = datetime.now(UTC).replace(microsecond=0)
        self._now = self.start

    def now(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> datetime:
        """Move on, as in `advance(minutes=5)`; returns the new instant."""
        self._now += timedelta(**by)
        return self._now

    def reset(self) -> None:
        self._now = self.start
