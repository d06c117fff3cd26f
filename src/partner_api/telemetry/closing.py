"""Puts samples away: with the others of their hour, summed up by minute, and in their day."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import MspId
from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.packing import (
    DAY,
    HOUR,
    MINUTE,
    Point,
    Totals,
    pack_hour,
    pack_totals,
    totals_of,
    unpack_hour,
    unpack_totals,
)
from partner_api.telemetry.sketch import Sketch, pack_merged

SAMPLES_KEPT: Final = timedelta(days=7)
MINUTES_KEPT: Final = timedelta(days=30)
HOURS_KEPT: Final = timedelta(days=400)

Slot = tuple[UUID, int]
"""A device, and when an hour or a day of it began, in milliseconds."""


@dataclass
class ClosedHour:
    """What is kept of an hour of a device."""

    hour: int
    points: list[Point] = field(default_factory=list)
    minutes: dict[int, Totals] = field(default_factory=dict)
    """By minute since 1970."""
    has_points: bool = False

    @classmethod
    def of(cls, hour: int, row: Record) -> "ClosedHour":
        """As the database keeps it."""
        return cls(
            hour,
            [] if row["points"] is None else unpack_hour(hour, row["points"]),
            {} if row["minutes"] is None else unpack_totals(row["minutes"], hour // MINUTE),
            row["points"] is not None,
        )

    def has(self, point: Point) -> bool:
        """Whether a late sample is there already; by its minute when samples are kept no more."""
        if self.has_points:
            return any(point.at == each.at for each in self.points)
        return point.at // MINUTE in self.minutes

    def add(self, points: Iterable[Point]) -> None:
        """Put more away."""
        for point in points:
            self.points.append(point)
            self.minutes.setdefault(point.at // MINUTE, Totals()).add(point)
        self.points.sort()


class Closing:
    """Reads and writes closed hours and days of one MSP's devices, in its caller's transaction."""

    def __init__(self, connection: PoolConnectionProxy, msp_id: MspId) -> None:
        self._connection = connection
        self._msp_id = msp_id

    async def hours(self, slots: Collection[Slot]) -> Mapping[Slot, ClosedHour]:
        """What is kept of these hours."""
        rows = await self._connection.fetch(
            "select * from closed_hours($1, $2, $3)", self._msp_id, *_columns(slots)
        )
        found = {}
        for row in rows:
            hour = to_millis(row["hour"])
            found[row["client_id"], hour] = ClosedHour.of(hour, row)
        return found

    async def put_away(
        self, hours: Mapping[Slot, ClosedHour], gone: Mapping[Slot, list[Point]], now: int
    ) -> None:
        """Add points to their hours and days; `hours` are those they belong to."""
        for slot, points in gone.items():
            hours[slot].add(points)
        await self._write_hours({slot: hours[slot] for slot in sorted(gone)}, now)
        days: dict[Slot, list[Point]] = defaultdict(list)
        for (client_id, hour), points in gone.items():
            if hour >= _oldest(HOURS_KEPT, now):
                days[client_id, floor(hour, DAY)] += points
        if days:
            await self._add_to_days(days)

    async def _write_hours(self, hours: Mapping[Slot, ClosedHour], now: int) -> None:
        # A server may have stood still for longer than they are kept.
        written = [slot for slot in hours if slot[1] >= _oldest(MINUTES_KEPT, now)]
        if not written:
            return
        oldest = _oldest(SAMPLES_KEPT, now)
        await self._connection.execute(
            "select write_hours($1, $2, $3, $4, $5)",
            self._msp_id,
            *_columns(written),
            [
                # While an older hour's samples are there, all of them are: or one could not tell
                # a repeated sample from a new one.
                pack_hour(slot[1], hours[slot].points)
                if slot[1] >= oldest or hours[slot].has_points
                else None
                for slot in written
            ],
            [pack_totals(hours[slot].minutes, slot[1] // MINUTE) for slot in written],
        )

    async def _add_to_days(self, days: Mapping[Slot, list[Point]]) -> None:
        written = sorted(days)
        rows = await self._connection.fetch(
            "select * from closed_days($1, $2, $3)", self._msp_id, *_columns(written)
        )
        kept = {(row["client_id"], to_millis(row["day"])): row for row in rows}
        packed = [_day(slot[1], kept.get(slot), days[slot]) for slot in written]
        await self._connection.execute(
            "select write_days($1, $2, $3, $4, $5, $6, $7)",
            self._msp_id,
            *_columns(written),
            *(list(column) for column in zip(*packed, strict=True)),
        )


def _day(day: int, kept: Record | None, points: Collection[Point]) -> tuple[bytes, ...]:
    """A day with more points in it, packed as its columns are."""
    hours = totals_of(points, HOUR)
    if kept is not None:
        for hour, totals in unpack_totals(kept["hours"], day // HOUR).items():
            hours.setdefault(hour, Totals()).merge(totals)
    sketches = []
    for name, sketch in sketches_of(points).items():
        before = b"" if kept is None else kept[name]
        sketches.append(pack_merged([before, sketch.pack()]))
    return pack_totals(hours, day // HOUR), *sketches


def sketches_of(points: Collection[Point]) -> Mapping[str, Sketch]:
    """Sketches of what decides on quality, by measure."""
    return {
        "latency": Sketch.of(p.latency for p in points if p.latency is not None),
        "jitter": Sketch.of(p.jitter for p in points if p.jitter is not None),
        "loss": Sketch.of(p.loss for p in points if p.loss is not None),
    }


def _oldest(kept: timedelta, now: int) -> int:
    """When the oldest hour began of which anything is kept."""
    return floor(to_millis(from_millis(now) - kept), HOUR)


def _columns(slots: Collection[Slot]) -> tuple[list[UUID], list[object]]:
    return [key for key, _ in slots], [from_millis(at) for _, at in slots]
