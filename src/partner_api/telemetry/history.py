"""A device's network over time: what it measured, or means of it by stretches of time.

What is put away and what is not yet are read together, in one snapshot, so every sample that was
taken in is there once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg.pool import PoolConnectionProxy

from partner_api.devices.service import DeviceNotFound
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid
from partner_api.kernel.ids import ClientId, MspId
from partner_api.settings import retention
from partner_api.telemetry.details import Details, details_of
from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.packing import (
    DAY,
    HOUR,
    MEASURES,
    MINUTE,
    Point,
    Totals,
    totals_of,
    unpack_hour,
    unpack_points,
    unpack_totals,
)
from partner_api.telemetry.resolutions import (
    LENGTHS,
    MOST_POINTS,
    Kept,
    Resolution,
    finest,
    may_be,
    too_fine,
)
from partner_api.tenancy.tenancy import Tenancy

_DEFAULT_STRETCH = timedelta(days=1)


@dataclass(frozen=True)
class HistoryPoint:
    """One moment, or one stretch by its beginning; values by measure, in its unit."""

    at: datetime
    values: Mapping[str, float | None]
    details: Details | None = None


@dataclass(frozen=True)
class NetworkHistory:
    """A device's points in order of time, and how finely they are shown."""

    resolution: Resolution
    points: Sequence[HistoryPoint]


@dataclass(frozen=True)
class Wanted:
    """What to show; None lets the server choose."""

    since: datetime | None = None
    until: datetime | None = None
    resolution: Resolution | None = None
    shows_hops: bool | None = None
    """None: with samples themselves only."""
    metrics: Sequence[str] = ()
    """Of those that devices name themselves."""


class NetworkHistories:
    """Reads what one MSP's devices measured."""

    def __init__(self, tenancy: Tenancy, clock: Clock) -> None:
        self._tenancy = tenancy
        self._clock = clock

    async def get(self, msp_id: MspId, client_id: ClientId, wanted: Wanted) -> NetworkHistory:
        """A device's history; DeviceNotFound; Invalid for a stretch or a resolution that is none.

        Without a resolution the finest that is kept that long and gives 1,000 points at most.
        """
        now = self._clock.now()
        until = min(wanted.until or now, now)
        since = wanted.since or until - _DEFAULT_STRETCH
        if since >= until:
            raise Invalid("from must be before to, and before now")
        async with self._tenancy.reading(msp_id) as connection:
            if not await connection.fetchval(_EXISTS, msp_id, client_id):
                raise DeviceNotFound
            kept = await _kept(connection, msp_id, now)
            reader = _Reader(connection, msp_id, client_id)
            return await reader.history(wanted, since, until, kept)


_EXISTS = "select exists (select from devices where msp_id = $1 and client_id = $2)"
_LIVE = "select points from network_live where msp_id = $1 and client_id = $2"
_CHUNKS = """
    select hour, points from network_chunks
     where msp_id = $1 and client_id = $2 and hour >= $3 and hour < $4 order by hour"""
_MINUTES = """
    select hour, totals from network_minutes
     where msp_id = $1 and client_id = $2 and hour >= $3 and hour < $4 order by hour"""
_DAYS = """
    select day, hours from network_days
     where msp_id = $1 and client_id = $2 and day >= $3 and day < $4 order by day"""


async def _kept(connection: PoolConnectionProxy, msp_id: MspId, now: datetime) -> Kept:
    chosen = await retention.read(connection, msp_id)
    return Kept(now - chosen.samples, now - chosen.minutes, now - chosen.hours)


class _Reader:
    """Reads one device in its caller's snapshot."""

    def __init__(self, connection: PoolConnectionProxy, msp_id: MspId, client_id: ClientId) -> None:
        self._connection = connection
        self._key = (msp_id, client_id)

    async def history(
        self, wanted: Wanted, since: datetime, until: datetime, kept: Kept
    ) -> NetworkHistory:
        """What is wanted of the stretch."""
        resolution = wanted.resolution
        if resolution is not None and not may_be(resolution, since, until):
            raise too_fine(resolution)
        if resolution is Resolution.RAW or (resolution is None and kept.samples <= since):
            points = await self._samples(max(since, kept.samples), until)
            if len(points) <= MOST_POINTS:
                shown = [HistoryPoint(from_millis(p.at), _values(p)) for p in points]
                return await self._told(Resolution.RAW, shown, wanted, since, until, kept)
            if resolution is not None:
                raise too_fine(resolution)
        resolution = resolution or finest(since, until, kept)
        slots = await self._slots(resolution, max(since, kept.since(resolution)), until)
        length = LENGTHS[resolution]
        shown = [
            HistoryPoint(from_millis(slot * length), _means(totals))
            for slot, totals in sorted(slots.items())
        ]
        return await self._told(resolution, shown, wanted, since, until, kept)

    async def _samples(self, since: datetime, until: datetime) -> Sequence[Point]:
        first, last = to_millis(since), to_millis(until)
        rows = await self._connection.fetch(
            _CHUNKS, *self._key, from_millis(floor(first, HOUR)), until
        )
        points = [p for row in rows for p in unpack_hour(to_millis(row["hour"]), row["points"])]
        points += await self._live()
        return sorted(point for point in points if first <= point.at <= last)

    async def _live(self) -> Sequence[Point]:
        packed = await self._connection.fetchval(_LIVE, *self._key)
        return [] if packed is None else unpack_points(packed)

    async def _slots(
        self, resolution: Resolution, since: datetime, until: datetime
    ) -> Mapping[int, Totals]:
        """Sums by slot of those that overlap the stretch, the first and the last one whole."""
        length = LENGTHS[resolution]
        first, last = floor(to_millis(since), length), floor(to_millis(until), length) + length - 1
        slots: dict[int, Totals] = {}
        parts = self._hours if length >= HOUR else self._minutes
        for at, totals in await parts(first, last):
            slots.setdefault(at // length, Totals()).merge(totals)
        live = [point for point in await self._live() if first <= point.at <= last]
        for slot, totals in totals_of(live, length).items():
            slots.setdefault(slot, Totals()).merge(totals)
        return slots

    async def _minutes(self, first: int, last: int) -> Iterable[tuple[int, Totals]]:
        rows = await self._connection.fetch(
            _MINUTES, *self._key, from_millis(floor(first, HOUR)), from_millis(last)
        )
        packed = ((to_millis(row["hour"]) // MINUTE, row["totals"]) for row in rows)
        return _between(packed, MINUTE, first, last)

    async def _hours(self, first: int, last: int) -> Iterable[tuple[int, Totals]]:
        rows = await self._connection.fetch(
            _DAYS, *self._key, from_millis(floor(first, DAY)), from_millis(last)
        )
        packed = ((to_millis(row["day"]) // HOUR, row["hours"]) for row in rows)
        return _between(packed, HOUR, first, last)

    async def _told(
        self,
        resolution: Resolution,
        points: Sequence[HistoryPoint],
        wanted: Wanted,
        since: datetime,
        until: datetime,
        kept: Kept,
    ) -> NetworkHistory:
        """With hops and metrics, as far as they are wanted."""
        shows_hops = wanted.shows_hops
        if shows_hops is None:
            shows_hops = resolution is Resolution.RAW
        if not shows_hops and not wanted.metrics:
            return NetworkHistory(resolution, points)
        length = LENGTHS.get(resolution, 1)
        details = await details_of(
            self._connection,
            self._key,
            max(since, kept.since_details(resolution)),
            until,
            length,
            shows_hops=shows_hops,
            names=wanted.metrics,
        )
        values = {point.at: point.values for point in points}
        none = dict.fromkeys(MEASURES)
        moments = sorted(values.keys() | details.keys())
        if len(moments) > MOST_POINTS:
            raise too_fine(resolution)
        return NetworkHistory(
            resolution,
            [HistoryPoint(at, values.get(at, none), details.get(at)) for at in moments],
        )


def _between(
    packed: Iterable[tuple[int, bytes]], slot: int, first: int, last: int
) -> Iterable[tuple[int, Totals]]:
    for begin, data in packed:
        for number, totals in unpack_totals(data, begin).items():
            if first <= number * slot <= last:
                yield number * slot, totals


def _values(point: Point) -> Mapping[str, float | None]:
    return {
        name: None if value is None else value / 1000
        for name, value in zip(MEASURES, point[1:], strict=True)
    }


def _means(totals: Totals) -> Mapping[str, float | None]:
    return {name: totals.mean(n) for n, name in enumerate(MEASURES)}
