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
from partner_api.telemetry.details import MORE_DETAILS, Details, details_of
from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.packing import (
    DAY,
    HOUR,
    MEASURES,
    MINUTE,
    POINT_BYTES,
    HourPoints,
    Point,
    Totals,
    totals_of,
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
     where msp_id = $1 and client_id = $2 and hour >= $3 and hour <= $4 order by hour"""
_BYTES = """
    select coalesce(sum(octet_length(points)), 0) from network_chunks
     where msp_id = $1 and client_id = $2 and hour >= $3 and hour < $4"""
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
        if resolution is Resolution.RAW or (resolution is None and kept.samples <= since):
            history = await self._raw(wanted, max(since, kept.samples), until)
            if history is not None:
                return history
            if resolution is not None:
                raise too_fine(resolution)
        if resolution is None:
            resolution = finest(since, until, kept)
        since = max(since, kept.since(resolution))
        if not may_be(resolution, since, until):
            raise too_fine(resolution)
        slots = await self._slots(resolution, since, until)
        length = LENGTHS[resolution]
        values = {from_millis(slot * length): _means(totals) for slot, totals in slots.items()}
        details: Mapping[datetime, Details] = {}
        if wanted.shows_hops or wanted.metrics:
            since = max(since, kept.since_details(resolution))
            details = await self._details(
                since, until, length, wanted.metrics, shows_hops=bool(wanted.shows_hops)
            )
        return NetworkHistory(resolution, _told(values, details))

    async def _raw(self, wanted: Wanted, since: datetime, until: datetime) -> NetworkHistory | None:
        """Samples themselves; None when there are too many, found out without decoding them."""
        samples = await self._samples(since, until)
        if samples is None:
            return None
        values = {from_millis(point.at): _values(point) for point in samples}
        shows_hops = wanted.shows_hops is not False
        details: Mapping[datetime, Details] = {}
        if shows_hops or wanted.metrics:
            key = (*self._key, since, until, shows_hops, wanted.metrics, MOST_POINTS)
            if await self._connection.fetchval(MORE_DETAILS, *key):
                return None
            details = await self._details(since, until, 1, wanted.metrics, shows_hops=shows_hops)
        points = _told(values, details)
        return NetworkHistory(Resolution.RAW, points) if len(points) <= MOST_POINTS else None

    async def _samples(self, since: datetime, until: datetime) -> Sequence[Point] | None:
        """None when there are more than may be shown."""
        first, last = to_millis(since), to_millis(until)
        stretch = (*self._key, from_millis(floor(first, HOUR)), until)
        # Of the first and the last hour some may be out of the stretch; those between are whole.
        between = (
            *self._key,
            from_millis(floor(first, HOUR) + HOUR),
            from_millis(floor(last, HOUR)),
        )
        if await self._connection.fetchval(_BYTES, *between) > MOST_POINTS * POINT_BYTES:
            return None
        rows = await self._connection.fetch(_CHUNKS, *stretch)
        parts = [HourPoints(to_millis(row["hour"]), row["points"], first, last) for row in rows]
        live = [point for point in await self._live() if first <= point.at <= last]
        if len(live) + sum(map(len, parts)) > MOST_POINTS:
            return None
        return sorted([*live, *(point for part in parts for point in part.all())])

    async def _details(
        self,
        since: datetime,
        until: datetime,
        length: int,
        names: Sequence[str],
        *,
        shows_hops: bool,
    ) -> Mapping[datetime, Details]:
        return await details_of(
            self._connection,
            self._key,
            since,
            until,
            length,
            shows_hops=shows_hops,
            names=names,
        )

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


def _told(
    values: Mapping[datetime, Mapping[str, float | None]], details: Mapping[datetime, Details]
) -> Sequence[HistoryPoint]:
    """Measures, hops and metrics in order of time."""
    none = dict.fromkeys(MEASURES)
    moments = sorted(values.keys() | details.keys())
    return [HistoryPoint(at, values.get(at, none), details.get(at)) for at in moments]


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
