"""Percentiles of what devices measured, by organization or by device.

Sketches of stretches of time are merged, never their percentiles; see `telemetry.sketch` for how
far the answers may be off. Those of a device's last day are of its samples themselves, and exact.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Final
from uuid import UUID

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import ClientId, MspId, OrgId
from partner_api.kernel.paging import CursorSigner, Page
from partner_api.kernel.single_flight import SingleFlight
from partner_api.telemetry import memory
from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.packing import HOUR, hour_since, measures_of_hours, measures_of_points
from partner_api.telemetry.sketch import Sketch, merge_packed
from partner_api.telemetry.stretches import WHOLE_MSP
from partner_api.telemetry.whose import require_organization
from partner_api.telemetry.windows import WholeWindow, WindowName
from partner_api.tenancy.tenancy import Tenancy

PERCENTILES: Final = (50, 95, 99)
MOST_DEVICES: Final = 100
"""On a page: of each, all that it measured may have to be read."""
_AT_ONCE: Final = 20
"""So many devices' samples: forty megabytes if each measured every second."""
_NAMES: Final = ("latency", "jitter", "loss")

# With one more condition when they are of one organization only.
_ORGANIZATIONS = """
    select org_id, name from organizations
     where msp_id = $1 and org_id > $2::text::uuid {}
     order by org_id limit $3"""
_ORGANIZATIONS_TOTAL = "select count(*) from organizations where msp_id = $1 {}"
_DEVICES = """
    select client_id, org_id, points from network_live
     where msp_id = $1 and client_id > $2::text::uuid and sampled_at is not null {}
     order by client_id limit $3"""
_DEVICES_TOTAL = """
    select count(*) from network_live where msp_id = $1 and sampled_at is not null {}"""
# One row for each group: of thousands most of the time would go into rows.
_SKETCHES = """
    select org_id, array_agg(latency) as latency, array_agg(jitter) as jitter,
           array_agg(loss) as loss
      from network_sketches
     where msp_id = $1 and org_id = any($2::uuid[]) and seconds = $3 and start >= $4
       and start <= $5
     group by org_id"""
_CHUNKS = """
    select client_id, array_agg(hour) as hours, array_agg(points) as points from network_chunks
     where msp_id = $1 and client_id = any($2::uuid[]) and hour >= $3 and hour <= $4
     group by client_id"""
_DAYS = """
    select client_id, array_agg(latency) as latency, array_agg(jitter) as jitter,
           array_agg(loss) as loss
      from network_days
     where msp_id = $1 and client_id = any($2::uuid[]) and day >= $3 and day <= $4
     group by client_id"""


@dataclass(frozen=True)
class Percentiles:
    """Of one measure in its unit, in the order of `PERCENTILES`; all None where none was taken."""

    samples: int
    values: Sequence[float | None]


Measured = Mapping[str, Percentiles]
"""By the names of measures: latency, jitter, loss."""
_Find = Callable[[UUID], Measured]
_Figures = Callable[[Record | None, bytes, datetime], Measured]


@dataclass(frozen=True)
class GroupPercentiles:
    """One organization's or device's."""

    org_id: OrgId
    client_id: ClientId | None
    name: str | None
    measures: Measured


@dataclass(frozen=True)
class QualityPage:
    """A page of groups, the whole fleet's or organization's figures, and of when they are."""

    groups: Page[GroupPercentiles]
    all: Measured
    window: WholeWindow


@dataclass(frozen=True)
class QualityAsked:
    """What is asked for; compared to find who asks for the same."""

    msp_id: MspId
    by_device: bool
    window: WindowName
    org_id: OrgId | None
    limit: int
    cursor: str | None


class NetworkPercentiles:
    """Reads one MSP's percentiles."""

    def __init__(
        self, tenancy: Tenancy, cursors: CursorSigner, clock: Clock, slow: FairGate
    ) -> None:
        self._tenancy = tenancy
        self._cursors = cursors
        self._clock = clock
        self._slow = slow
        self._flights = SingleFlight[QualityAsked, QualityPage](memory.REMEMBERED_SECONDS)

    async def get(self, asked: QualityAsked) -> QualityPage:
        """A page of groups in the order of their ids.

        OrganizationNotFound; Unavailable; Invalid for a foreign cursor, or too many devices.
        """
        if asked.by_device and asked.limit > MOST_DEVICES:
            raise Invalid(f"limit must be {MOST_DEVICES} at most with groupBy=device")
        walk = [str(asked.msp_id), "network-quality", str(asked.by_device), str(asked.org_id)]
        after = str(WHOLE_MSP)
        if asked.cursor is not None:
            after = str(self._cursors.open(walk, asked.cursor)[0])

        async def read() -> QualityPage:
            window = WholeWindow.of(asked.window, self._clock.now())
            async with (
                self._slow.turn(asked.msp_id),
                self._tenancy.reading(asked.msp_id) as connection,
            ):
                await require_organization(connection, asked.msp_id, asked.org_id)
                reader = _Reader(connection, asked, window)
                rows, total = await reader.keys(after)
                shown = rows[: asked.limit]
                groups, everything = await (
                    reader.devices(shown) if asked.by_device else reader.organizations(shown)
                )
            key = "client_id" if asked.by_device else "org_id"
            more = len(rows) > asked.limit
            cursor = self._cursors.seal(walk, [str(shown[-1][key])]) if more else None
            return QualityPage(Page(groups, total, cursor), everything, window)

        return await self._flights.get(asked, read)


class _Reader:
    def __init__(
        self, connection: PoolConnectionProxy, asked: QualityAsked, window: WholeWindow
    ) -> None:
        self._connection = connection
        self._asked = asked
        self._window = window

    async def keys(self, after: str) -> tuple[Sequence[Record], int]:
        """A page's groups, one more if there is one, and how many there are."""
        asked = self._asked
        page, count = (
            (_DEVICES, _DEVICES_TOTAL)
            if asked.by_device
            else (_ORGANIZATIONS, _ORGANIZATIONS_TOTAL)
        )
        whose = [] if asked.org_id is None else [asked.org_id]
        rows = await self._connection.fetch(
            page.format("and org_id = $4" if whose else ""),
            asked.msp_id,
            after,
            asked.limit + 1,
            *whose,
        )
        return rows, await self._connection.fetchval(
            count.format("and org_id = $2" if whose else ""), asked.msp_id, *whose
        )

    async def organizations(
        self, rows: Sequence[Record]
    ) -> tuple[Sequence[GroupPercentiles], Measured]:
        """Organizations' figures, and those of all."""
        # Of one organization alone it is the whole.
        keys = list(dict.fromkeys([*(row["org_id"] for row in rows), self._whole]))
        found = await self._worked_out(keys, self._of_organizations, len(keys))
        return [
            GroupPercentiles(OrgId(row["org_id"]), None, row["name"], found[row["org_id"]])
            for row in rows
        ], found[self._whole]

    async def devices(self, rows: Sequence[Record]) -> tuple[Sequence[GroupPercentiles], Measured]:
        """Devices' figures, and those of all.

        Of samples themselves, or of days and what is not put away yet.
        """
        live = {row["client_id"]: row["points"] for row in rows}
        at_once = MOST_DEVICES if self._is_of_days else _AT_ONCE
        found = await self._worked_out(list(live), partial(self._of_devices, live), at_once)
        whole = await self._worked_out([self._whole], self._of_organizations, 1)
        return [
            GroupPercentiles(
                OrgId(row["org_id"]), ClientId(row["client_id"]), None, found[row["client_id"]]
            )
            for row in rows
        ], whole[self._whole]

    @property
    def _whole(self) -> UUID:
        return self._asked.org_id or WHOLE_MSP

    @property
    def _is_of_days(self) -> bool:
        return self._window.stretch == timedelta(days=1)

    async def _worked_out(
        self,
        keys: Sequence[UUID],
        read: Callable[[Sequence[UUID]], Awaitable[_Find]],
        at_once: int,
    ) -> Mapping[UUID, Measured]:
        """So many at a time, in a thread.

        So that nobody else waits for long, and memory holds what some measured and not what all
        did: a device may have measured each second.
        """
        found: dict[UUID, Measured] = {}
        for start in range(0, len(keys), at_once):
            some = keys[start : start + at_once]
            found |= await asyncio.to_thread(_find_each, some, await read(some))
        return found

    async def _of_organizations(self, org_ids: Sequence[UUID]) -> _Find:
        window = self._window
        rows = await self._connection.fetch(
            _SKETCHES,
            self._asked.msp_id,
            org_ids,
            int(window.stretch.total_seconds()),
            window.since,
            window.until,
        )
        packed = {row["org_id"]: row for row in rows}
        return lambda org_id: {
            name: percentiles_of(merge_packed(several))
            for name, several in _sketches(packed.get(org_id)).items()
        }

    async def _of_devices(self, live: Mapping[UUID, bytes], client_ids: Sequence[UUID]) -> _Find:
        since, until = self._window.since, self._window.until
        figures: _Figures = _of_days if self._is_of_days else _of_samples
        statement = _DAYS if self._is_of_days else _CHUNKS
        first = since if self._is_of_days else from_millis(floor(to_millis(since), HOUR))
        rows = await self._connection.fetch(statement, self._asked.msp_id, client_ids, first, until)
        packed = {row["client_id"]: row for row in rows}
        return lambda client_id: figures(packed.get(client_id), live[client_id], since)


def _find_each(keys: Sequence[UUID], find: _Find) -> dict[UUID, Measured]:
    return {key: find(key) for key in keys}


def _sketches(row: Record | None) -> Mapping[str, list[bytes]]:
    return {name: [] if row is None else row[name] for name in _NAMES}


def _of_days(days: Record | None, live: bytes, since: datetime) -> Measured:
    fresh = dict(zip(_NAMES, measures_of_points(live, to_millis(since)), strict=False))
    return {
        name: percentiles_of(merge_packed([*several, Sketch.of(fresh[name]).pack()]))
        for name, several in _sketches(days).items()
    }


def _of_samples(hours: Record | None, live: bytes, since: datetime) -> Measured:
    begun = to_millis(since)
    several = () if hours is None else zip(hours["hours"], hours["points"], strict=True)
    closed = measures_of_hours(
        points if hour >= since else hour_since(to_millis(hour), points, begun)
        for hour, points in several
    )
    both = zip(_NAMES, closed, measures_of_points(live, begun), strict=False)
    return {name: _exactly(values + fresh) for name, values, fresh in both}


def _exactly(values: Sequence[int]) -> Percentiles:
    """By nearest rank, in the measure's unit."""
    if not values:
        return Percentiles(0, [None] * len(PERCENTILES))
    ordered = sorted(values)
    ranks = (max(1, ceil(len(ordered) * percent / 100)) for percent in PERCENTILES)
    return Percentiles(len(ordered), [ordered[rank - 1] / 1000 for rank in ranks])


def percentiles_of(sketch: Sketch) -> Percentiles:
    """Of one sketch, in the measure's unit."""
    values = sketch.percentiles(PERCENTILES)
    return Percentiles(sketch.count, [None if value is None else value / 1000 for value in values])
