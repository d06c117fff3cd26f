"""A device's network now: its newest samples, and what they say. Pure functions of their arguments.

A sample stays here until its hour has been over for a quarter of an hour, or, where there are
many, until it is that old itself; then it is put away with its hour. The quality is that of the
medians of the quarter of an hour which ends with the newest sample; a device that has been silent
for as long is offline.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from partner_api.status.quality import WINDOW as QUALITY_WINDOW
from partner_api.status.quality import Level, Limits
from partner_api.telemetry.moments import floor
from partner_api.telemetry.packing import HOUR, PackedPoints, Point, pack_points

LEVELS: Final = (Level.GOOD, Level.DEGRADED, Level.POOR)
"""As rows number them."""
WINDOW: Final = QUALITY_WINDOW // timedelta(milliseconds=1)
MOST_POINTS: Final = 64
"""Beyond so many a row would leave its page for the side table of large values."""


class Live(Struct, frozen=True):
    """What is known of a device; moments in milliseconds, measures in thousandths."""

    level: int | None = None
    """The place in `LEVELS`; None when it is offline."""
    latency: int | None = None
    jitter: int | None = None
    loss: int | None = None
    sampled_at: int | None = None
    expires_at: int | None = None
    """When to look whether it is offline."""
    closed_to: int | None = None
    """The newest moment that was put away."""
    told: int | None = None
    """Of what it last told of itself, so that nobody looks whether it is news when it is not."""
    points: PackedPoints = PackedPoints()

    @property
    def close_at(self) -> int | None:
        """When the oldest of its points are to be put away."""
        oldest = self.points.first_at
        if oldest is None:
            return None
        if len(self.points) > MOST_POINTS:
            return oldest + WINDOW
        return floor(oldest, HOUR) + HOUR + WINDOW

    def is_late(self, at: int) -> bool:
        """Whether a sample of this moment may have been put away already."""
        return self.closed_to is not None and at <= self.closed_to


def fresh_points(live: Live, points: Iterable[Point]) -> list[Point]:
    """Those whose moments are not there yet, each once, in order of time."""
    fresh = {point.at: point for point in points}
    last = live.points.last_at
    if last is not None and any(at <= last for at in fresh):
        for known in live.points.all():
            fresh.pop(known.at, None)
    return [fresh[at] for at in sorted(fresh)]


def leaving(live: Live, fresh: Sequence[Point], now: int) -> list[Point]:
    """Which of all points are to be put away."""
    end = now - WINDOW
    if len(live.points) + len(fresh) <= MOST_POINTS:
        end = floor(end, HOUR) - 1
    oldest = live.points.first_at
    if (oldest is None or oldest > end) and (not fresh or fresh[0].at > end):
        return []
    return [point for point in (*live.points.all(), *fresh) if point.at <= end]


def judged_end(live: Live, fresh: Sequence[Point]) -> int | None:
    """Where the quarter of an hour ends that fresh points are judged with; None for no news."""
    telling = [point.at for point in fresh if point.tells_quality]
    if not telling:
        return None
    newest = max(telling)
    if live.sampled_at is None or live.sampled_at < newest:
        return newest
    return live.sampled_at if live.sampled_at - WINDOW < newest else None


def judged_hours(live: Live, fresh: Sequence[Point]) -> Sequence[int]:
    """When hours began that may hold points, put away already, of that quarter of an hour."""
    end = judged_end(live, fresh)
    if end is None or live.sampled_at is None or not live.is_late(end - WINDOW + 1):
        return ()
    return sorted({floor(end - WINDOW + 1, HOUR), floor(end, HOUR)})


def folded(
    live: Live,
    fresh: Sequence[Point],
    gone: Sequence[Point],
    past: Sequence[Point],
    now: int,
    limits: Limits,
) -> Live:
    """The device with fresh points, without those that are put away; `past` was put away before."""
    points = _with(live.points, fresh)
    end = judged_end(live, fresh)
    if end is not None:
        window = [*past, *points.since(end - WINDOW)]
        live = _judged(live, [p for p in window if end - WINDOW < p.at <= end], end, limits)
    closed_to = live.closed_to
    if gone:
        away = {point.at for point in gone}
        closed_to = max(closed_to or 0, *away)
        points = PackedPoints(pack_points(point for point in points.all() if point.at not in away))
    return _expired(replace(live, points=points, closed_to=closed_to), now)


def level_at(level: int | None, sampled_at: int, now: int) -> Level:
    """What a stored level amounts to at a moment."""
    if level is None or sampled_at + WINDOW <= now:
        return Level.OFFLINE
    return LEVELS[level]


def _with(points: PackedPoints, fresh: Sequence[Point]) -> PackedPoints:
    last = points.last_at
    if len(fresh) == 1 and (last is None or last < fresh[0].at):
        return points.with_last(fresh[0])
    if not fresh:
        return points
    return PackedPoints(pack_points(sorted([*points.all(), *fresh])))


def _judged(live: Live, window: Sequence[Point], end: int, limits: Limits) -> Live:
    """By the quarter of an hour up to the newest point that tells."""
    latency = _median([point.latency for point in window if point.latency is not None])
    jitter = _median([point.jitter for point in window if point.jitter is not None])
    loss = _median([point.loss for point in window if point.loss is not None])
    level = limits.level(latency, jitter, loss)
    assert level is not None
    return replace(
        live,
        level=LEVELS.index(level),
        latency=latency,
        jitter=jitter,
        loss=loss,
        sampled_at=end,
    )


def _expired(live: Live, now: int) -> Live:
    """As time has it: silent, or to be looked at when it may be."""
    if live.level is None or live.sampled_at is None:
        return live
    end = live.sampled_at + WINDOW
    if end <= now:
        return replace(live, level=None, expires_at=None)
    if live.expires_at is None or live.expires_at <= now:
        return replace(live, expires_at=end)
    return live


def _median(values: list[int]) -> int | None:
    """Of an even number of values the mean of the middle two, rounded up."""
    if not values:
        return None
    values.sort()
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle] + 1) // 2
