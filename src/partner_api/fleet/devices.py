"""The device list, and one device whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.devices.service import DeviceNotFound
from partner_api.fleet.counts import Counts, StateCounts, total_of
from partner_api.fleet.explanations import explained
from partner_api.fleet.search import MatchCounts, find_devices
from partner_api.fleet.sorts import LIVE_STATUS, SORTS, Sort
from partner_api.fleet.statements import (
    Position,
    Selection,
    count_statement,
    one_statement,
    page_statement,
    quiet_page_statement,
    walked_page_statement,
)
from partner_api.fleet.types import DeviceFilter, DeviceSort, DeviceView, Labels, SortOrder
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import ClientId, MspId, OrgId, format_org_id
from partner_api.kernel.paging import CursorKey, CursorSigner, Page
from partner_api.status.rules import State
from partner_api.telemetry.qualities import read_qualities
from partner_api.tenancy.tenancy import Tenancy


@dataclass(frozen=True)
class _Asked:
    """A page of a list."""

    msp_id: MspId
    wanted: DeviceFilter
    sort: DeviceSort
    order: SortOrder
    limit: int
    after: Position
    explains: bool

    @property
    def depends_on_states(self) -> bool:
        """Whether states decide which devices are on the page."""
        wanted = self.wanted
        is_filtered = wanted.health is not None or wanted.connection is not None
        return is_filtered or self.sort is DeviceSort.STATUS


@dataclass(frozen=True)
class _Found:
    """What was read of it."""

    selection: Selection
    views: Sequence[DeviceView]
    last: Sequence[CursorKey] | None
    """The last device's position, if there are more."""
    total: int | None
    """How many match; None when it is dear to tell."""


class Devices:
    """Reads one MSP's devices."""

    def __init__(
        self, tenancy: Tenancy, counts: Counts, cursors: CursorSigner, clock: Clock
    ) -> None:
        self._tenancy = tenancy
        self._counts = counts
        self._cursors = cursors
        self._clock = clock
        self._match_counts = MatchCounts()

    async def get(
        self, msp_id: MspId, client_id: ClientId, *, explains: bool = False
    ) -> DeviceView:
        """One device, with an explanation of its status if asked for; DeviceNotFound."""
        async with self._tenancy.reading(msp_id) as connection:
            now = self._clock.now()
            row = await connection.fetchrow(one_statement(), msp_id, client_id, now)
            if row is None:
                raise DeviceNotFound
            (view,) = await _with_qualities(connection, msp_id, [_device(row)], now)
            if explains:
                (view,) = await explained(connection, msp_id, [view], now)
        return view

    async def labels(
        self, msp_id: MspId, client_ids: Sequence[ClientId]
    ) -> Mapping[ClientId, Labels]:
        """What integrators noted about some devices; one without notes is left out."""
        async with self._tenancy.reading(msp_id) as connection:
            rows = await connection.fetch(_LABELS, msp_id, client_ids)
        return {
            ClientId(row["client_id"]): Labels(row["tags"], msgspec.json.decode(row["attributes"]))
            for row in rows
        }

    async def list(
        self,
        msp_id: MspId,
        wanted: DeviceFilter,
        sort: DeviceSort,
        order: SortOrder,
        limit: int,
        cursor: str | None,
        *,
        explains: bool = False,
    ) -> Page[DeviceView]:
        """A page of the devices that match, each with an explanation of its status if asked for.

        Invalid for a cursor of another walk.
        """
        walk = _walk(msp_id, wanted, sort, order)
        after = None if cursor is None else self._cursors.open(walk, cursor)
        asked = _Asked(msp_id, wanted, sort, order, limit, after, explains)
        found = await self._read(asked, slowly=False)
        if found is None:
            async with self._counts.slow_turn(msp_id):
                found = await self._read(asked, slowly=True)
        assert found is not None
        total = found.total
        if total is None:
            total = await self._dear_total(found.selection)
        beyond = None if found.last is None else self._cursors.seal(walk, found.last)
        return Page(found.views, total, beyond)

    async def _read(self, asked: "_Asked", *, slowly: bool) -> "_Found | None":
        """The page; None when all of the MSP's devices have to be judged, unless `slowly`."""
        now = self._clock.now()
        async with self._tenancy.reading(asked.msp_id) as connection:
            fresh = await self._counts.are_fresh(connection, asked.msp_id, now)
            if asked.depends_on_states and not fresh and not slowly:
                return None
            text = asked.wanted.text
            keys = None if text is None else await find_devices(connection, text)
            selection = Selection(asked.msp_id, asked.wanted, now, fresh, keys)
            rows = await _rows(
                connection, selection, asked.sort, asked.order, asked.limit, asked.after
            )
            total = await self._total(connection, selection)
            views: Sequence[DeviceView] = [_device(row) for row in rows[: asked.limit]]
            views = await _with_qualities(connection, asked.msp_id, views, now)
            if asked.explains:
                views = await explained(connection, asked.msp_id, views, now)
        more = len(rows) > asked.limit
        last = _sort(asked.sort, fresh=fresh).position(rows[asked.limit - 1]) if more else None
        return _Found(selection, views, last, total)

    async def _total(self, connection: PoolConnectionProxy, selection: Selection) -> int | None:
        """How many match; None when device by device has to be looked at for that."""
        wanted = selection.wanted
        if selection.found is not None:
            if wanted == DeviceFilter(text=wanted.text):
                return len(selection.found)
            return await _count(connection, selection)
        if wanted.text is not None or not selection.fresh:
            return None
        stored = await self._counts.stored(connection, selection.msp_id, wanted.org_id)
        return _sum(stored, selection)

    async def _dear_total(self, selection: Selection) -> int:
        msp_id, wanted = selection.msp_id, selection.wanted
        if wanted.text is None:
            counts = await self._counts.live(msp_id, selection.now)
            return _sum(total_of(counts, wanted.org_id), selection)

        async def count() -> int:
            async with self._tenancy.reading(msp_id) as connection:
                return await _count(connection, selection)

        return await self._match_counts.get(msp_id, wanted, count)


async def _with_qualities(
    connection: PoolConnectionProxy, msp_id: MspId, views: Sequence[DeviceView], now: datetime
) -> Sequence[DeviceView]:
    keys = [view.client_id for view in views]
    found = await read_qualities(connection, msp_id, keys, now)
    return [replace(view, network_quality=found.get(view.client_id)) for view in views]


async def _count(connection: PoolConnectionProxy, selection: Selection) -> int:
    statement, values = count_statement(selection)
    total: int = await connection.fetchval(statement, *values)
    return total


async def _rows(
    connection: PoolConnectionProxy,
    selection: Selection,
    sort: DeviceSort,
    order: SortOrder,
    limit: int,
    after: Sequence[CursorKey] | None,
) -> Sequence[Record]:
    """A page's rows, and one more if there is one."""
    if sort is DeviceSort.LAST_SEEN and _may_begin_quiet(selection, order):
        statement, values = quiet_page_statement(selection, order, limit, after)
        rows: Sequence[Record] = await connection.fetch(statement, *values)
        if len(rows) > limit or selection.is_quiet:
            return rows
    key = _sort(sort, fresh=selection.fresh)
    if selection.matches_many and key.has_index:
        statement, values = walked_page_statement(selection, key, order, limit, after)
        rows = await connection.fetch(statement, *values)
        if len(rows) > limit:
            return rows
    statement, values = page_statement(selection, key, order, limit, after)
    return await connection.fetch(statement, *values)


def _may_begin_quiet(selection: Selection, order: SortOrder) -> bool:
    """Whether the next rows by last seen may all be devices that are stored as offline."""
    if not selection.fresh or selection.found is not None:
        return False
    return selection.is_quiet or (selection.may_be_quiet and order is SortOrder.ASCENDING)


def _sort(sort: DeviceSort, *, fresh: bool) -> Sort:
    return LIVE_STATUS if sort is DeviceSort.STATUS and not fresh else SORTS[sort]


def _sum(counts: StateCounts, selection: Selection) -> int:
    return sum(counts[state] for state in selection.states)


_LABELS = """
    select client_id, tags, attributes from device_labels
     where msp_id = $1 and client_id = any($2::uuid[])"""


def _walk(
    msp_id: MspId, wanted: DeviceFilter, sort: DeviceSort, order: SortOrder
) -> Sequence[str | None]:
    org_id = None if wanted.org_id is None else format_org_id(wanted.org_id)
    filters = [org_id, wanted.health, wanted.connection, wanted.text]
    return [str(msp_id), "devices", *filters, sort, order]


def _device(row: Record) -> DeviceView:
    state = State.from_number(row["state"])
    return DeviceView(
        client_id=ClientId(row["client_id"]),
        msp_id=MspId(row["msp_id"]),
        org_id=OrgId(row["org_id"]),
        current_version=row["current_version"],
        os=row["os"],
        os_version=row["os_version"],
        arch=row["arch"],
        channel=row["channel"],
        last_seen=row["last_seen"],
        check_in_count=row["check_in_count"],
        serial_number=row["serial_number"],
        asset_id=row["asset_id"],
        user_name=row["user_name"],
        user_email=row["user_email"],
        referrer=row["referrer"],
        is_current_version=state.is_current,
        connection=state.connection,
        health=state.health,
    )
