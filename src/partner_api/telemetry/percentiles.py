"""Percentiles of what devices measured, by organization or by device.

Sketches of stretches of time are merged, never their percentiles; see `telemetry.sketch` for how
far the answers may be off. Those of a device's last day are of its samples themselves, and exact.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
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
from partner_api.telemetry.closing import sketches_of
from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.packing import HOUR, Point, measures_of_hour, unpack_points
from partner_api.telemetry.sketch import Sketch, merge_packed
from partner_api.telemetry.stretches import WHOLE_MSP
from partner_api.telemetry.whose import require_organization
from partner_api.telemetry.windows import WholeWindow, WindowName
from partner_api.tenancy.tenancy import Tenancy

PERCENTILES: Final = (50, 95, 99)
MOST_DEVICES: Final = 100
"""On a page: of each, all that it measured may have to be read."""
_DECODED_AT_ONCE: Final = 10
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
_SKETCHES = """
    select org_id, latency, jitter, loss from network_sketches
     where msp_id = $1 and org_id = any($2::uuid[]) and seconds = $3 and start >= $4
       and start <= $5"""
_CHUNKS = """
    select client_id, hour, points from network_chunks
     where msp_id = $1 and client_id = any($2::uuid[]) and hour >= $3 and hour <= $4"""
_DAYS = """
    select client_id, latency, jitter, loss from network_days
     where msp_id = $1 and client_id = any($2::uuid[]) and day >= $3 and day <= $4"""


@dataclass(frozen=True)
class Percentiles:
    """Of one measure in its unit, in the order of `PERCENTILES`; all None where none was taken."""

    samples: int
    values: Sequence[float | None]


@dataclass(frozen=True)
class GroupPercentiles:
    """One organization's or device's."""

    org_id: OrgId
    client_id: ClientId | None
    name: str | None
    measures: Mapping[str, Percentiles]


@dataclass(frozen=True)
class QualityPage:
    """A page of groups, the whole fleet's or organization's figures, and of when they are."""

    groups: Page[GroupPercentiles]
    all: Mapping[str, Percentiles]
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
                groups = await (reader.devices(shown) if asked.by_device else reader.orgs(shown))
                everything = await reader.everything()
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

    async def orgs(self, rows: Sequence[Record]) -> Sequence[GroupPercentiles]:
        """Organizations' figures."""
        sketches = await self._sketches([row["org_id"] for row in rows])
        return [
            GroupPercentiles(
                OrgId(row["org_id"]), None, row["name"], _percentiles(sketches[row["org_id"]])
            )
            for row in rows
        ]

    async def everything(self) -> Mapping[str, Percentiles]:
        """The figures of all the groups together."""
        whose = self._asked.org_id or WHOLE_MSP
        return _percentiles((await self._sketches([whose]))[whose])

    async def _sketches(self, org_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Sketch]]:
        window = self._window
        rows = await self._connection.fetch(
            _SKETCHES,
            self._asked.msp_id,
            org_ids,
            int(window.stretch.total_seconds()),
            window.since,
            window.until,
        )
        packed: dict[UUID, list[Record]] = defaultdict(list)
        for row in rows:
            packed[row["org_id"]].append(row)
        return {
            org_id: {name: merge_packed(row[name] for row in packed[org_id]) for name in _NAMES}
            for org_id in org_ids
        }

    async def devices(self, rows: Sequence[Record]) -> Sequence[GroupPercentiles]:
        """Devices' figures: of samples themselves, or of days and what is not put away yet."""
        found: dict[UUID, Mapping[str, Percentiles]] = {}
        for start in range(0, len(rows), _DECODED_AT_ONCE):
            some = rows[start : start + _DECODED_AT_ONCE]
            found |= await self._found({row["client_id"]: row["points"] for row in some})
        return [
            GroupPercentiles(
                OrgId(row["org_id"]), ClientId(row["client_id"]), None, found[row["client_id"]]
            )
            for row in rows
        ]

    async def _found(self, live: Mapping[UUID, bytes]) -> Mapping[UUID, Mapping[str, Percentiles]]:
        """Worked out in a thread: a device may have measured each second."""
        window = self._window
        is_of_days = window.stretch == timedelta(days=1)
        first = window.since if is_of_days else from_millis(floor(to_millis(window.since), HOUR))
        rows = await self._connection.fetch(
            _DAYS if is_of_days else _CHUNKS, self._asked.msp_id, list(live), first, window.until
        )
        packed: dict[UUID, list[Record]] = defaultdict(list)
        for row in rows:
            packed[row["client_id"]].append(row)
        of_device = _of_days if is_of_days else _of_samples

        def find() -> Mapping[UUID, Mapping[str, Percentiles]]:
            since = to_millis(window.since)
            return {
                client_id: of_device(
                    packed[client_id], [p for p in unpack_points(points) if p.at >= since], since
                )
                for client_id, points in live.items()
            }

        return await asyncio.to_thread(find)


def _of_days(
    days: Sequence[Record], fresh: Sequence[Point], _since: int
) -> Mapping[str, Percentiles]:
    return _percentiles(_with(days, fresh))


def _of_samples(
    hours: Sequence[Record], fresh: Sequence[Point], since: int
) -> Mapping[str, Percentiles]:
    values = _measured(fresh)
    for row in hours:
        closed = measures_of_hour(to_millis(row["hour"]), row["points"], since)
        for name, several in zip(_NAMES, closed, strict=False):
            values[name] += several
    return {name: _exactly(several) for name, several in values.items()}


def _measured(points: Sequence[Point]) -> Mapping[str, list[int]]:
    return {
        "latency": [p.latency for p in points if p.latency is not None],
        "jitter": [p.jitter for p in points if p.jitter is not None],
        "loss": [p.loss for p in points if p.loss is not None],
    }


def _exactly(values: Sequence[int]) -> Percentiles:
    """By nearest rank, in the measure's unit."""
    if not values:
        return Percentiles(0, [None] * len(PERCENTILES))
    ordered = sorted(values)
    ranks = (max(1, ceil(len(ordered) * percent / 100)) for percent in PERCENTILES)
    return Percentiles(len(ordered), [ordered[rank - 1] / 1000 for rank in ranks])


def _with(days: Sequence[Record], points: Sequence[Point]) -> Mapping[str, Sketch]:
    fresh = sketches_of(points)
    return {
        name: merge_packed([*(day[name] for day in days), fresh[name].pack()]) for name in _NAMES
    }


def _percentiles(sketches: Mapping[str, Sketch]) -> Mapping[str, Percentiles]:
    return {name: percentiles_of(sketch) for name, sketch in sketches.items()}


def percentiles_of(sketch: Sketch) -> Percentiles:
    """Of one sketch, in the measure's unit."""
    values = [sketch.percentile(p) for p in PERCENTILES]
    return Percentiles(sketch.count, [None if value is None else value / 1000 for value in values])
