"""The device list, and one device whole."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.devices.health import health_rank_sql, live_state_sql, matching_states
from partner_api.devices.service import DeviceNotFound
from partner_api.fleet.counts import Counts, StateCounts, total_of
from partner_api.fleet.explanations import explained
from partner_api.fleet.types import DeviceFilter, DeviceSort, DeviceView, Labels, SortOrder
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import ClientId, MspId, OrgId, format_org_id
from partner_api.kernel.paging import CursorKey, CursorSigner, Page, micros, micros_to_instant
from partner_api.kernel.sql import Parameters
from partner_api.status.rules import Health, State
from partner_api.tenancy.tenancy import Tenancy


class Devices:
    """Reads one MSP's devices."""

    def __init__(
        self, tenancy: Tenancy, counts: Counts, cursors: CursorSigner, clock: Clock
    ) -> None:
        self._tenancy = tenancy
        self._counts = counts
        self._cursors = cursors
        self._clock = clock

    async def get(
        self, msp_id: MspId, client_id: ClientId, *, explains: bool = False
    ) -> DeviceView:
        """One device, with an explanation of its status if asked for; DeviceNotFound."""
        statement = _fleet("d.msp_id = $1 and d.client_id = $2", "$3")
        async with self._tenancy.reading(msp_id) as connection:
            now = self._clock.now()
            row = await connection.fetchrow(statement, msp_id, client_id, now)
            if row is None:
                raise DeviceNotFound
            view = _device(row)
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
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            fresh = await self._counts.are_fresh(connection, msp_id, now)
            key = _SORTS[sort] if fresh or sort is not DeviceSort.STATUS else _LIVE_STATUS
            page, values = _page_statement(
                msp_id, now, wanted, key, order, limit, after, fresh=fresh
            )
            rows = await connection.fetch(page, *values)
            total = await self._total(connection, msp_id, now, wanted, fresh=fresh)
            more = len(rows) > limit
            rows = rows[:limit]
            views: Sequence[DeviceView] = [_device(row) for row in rows]
            if explains:
                views = await explained(connection, msp_id, views, now)
        if total is None:
            total = _sum(total_of(await self._counts.live(msp_id, now), wanted.org_id), wanted)
        position = key.position(rows[-1]) if more else []
        return Page(
            views,
            total,
            self._cursors.seal(walk, position) if more else None,
        )

    async def _total(
        self,
        connection: PoolConnectionProxy,
        msp_id: MspId,
        now: datetime,
        wanted: DeviceFilter,
        *,
        fresh: bool,
    ) -> int | None:
        """How many match; None when that has to be counted device by device."""
        if wanted.text is not None:
            statement, values = _count_statement(msp_id, now, wanted, fresh=fresh)
            total: int = await connection.fetchval(statement, *values)
            return total
        if not fresh:
            return None
        return _sum(await self._counts.stored(connection, msp_id, wanted.org_id), wanted)


def _sum(counts: StateCounts, wanted: DeviceFilter) -> int:
    return sum(counts[state] for state in matching_states(wanted.health, wanted.connection))


@dataclass(frozen=True)
class _Sort:
    """A sort key as SQL over `fleet`, and as a cursor carries it; ties go by client id."""

    sql: str | None
    cast: str = "{}"
    read: Callable[[Record], CursorKey] | None = None
    write: Callable[[CursorKey], object] = lambda key: key

    def position(self, row: Record) -> Sequence[CursorKey]:
        """Where a walk stands that has shown `row` last."""
        tie = str(row["client_id"])
        return [tie] if self.read is None else [self.read(row), tie]

    def order_by(self, order: SortOrder) -> str:
        """The walk's order."""
        keys = [self.sql, "client_id"] if self.sql else ["client_id"]
        return ", ".join(f"{key} {order}" for key in keys)

    def beyond(
        self, position: Sequence[CursorKey], order: SortOrder, parameters: Parameters
    ) -> str:
        """What lies after `position` in the walk's order."""
        sign = ">" if order is SortOrder.ASCENDING else "<"
        tie = parameters.add(position[-1]) + "::text::uuid"
        if self.sql is None:
            return f"client_id {sign} {tie}"
        key = self.cast.format(parameters.add(self.write(position[0])))
        return f"({self.sql}, client_id) {sign} ({key}, {tie})"


_LABELS = """
    select client_id, tags, attributes from device_labels
     where msp_id = $1 and client_id = any($2::uuid[])"""
_NEVER = "coalesce({}, '-infinity'::timestamptz)"
# While stored states lag, every device is judged anew to be sorted.
_LIVE_STATUS = _Sort(health_rank_sql("state"), "{}::integer", lambda row: _rank(row["state"]))
_SORTS = {
    DeviceSort.STATUS: _Sort("health", "{}::smallint", lambda row: row["health"]),
    DeviceSort.LAST_SEEN: _Sort(
        _NEVER.format("last_seen"),
        _NEVER.format("{}::timestamptz"),
        lambda row: micros(row["last_seen"]),
        micros_to_instant,
    ),
    DeviceSort.VERSION: _Sort("version_sort", "{}::text", lambda row: row["version_sort"]),
    DeviceSort.ASSET_ID: _Sort("asset_sort", "{}::text", lambda row: row["asset_sort"]),
    DeviceSort.CLIENT_ID: _Sort(None),
}


def _fleet(where: str, now: str) -> str:
    return f"""
            select d.client_id, d.msp_id, d.org_id, d.current_version, d.os, d.os_version, d.arch,
                   d.channel, d.last_seen, d.check_in_count, d.serial_number, d.asset_id,
                   d.user_name, d.user_email, d.referrer, d.version_sort, d.asset_sort,
                   d.health, {live_state_sql(now)} as state
              from devices d
              -- Left, though every device has one: else the planner may start with organizations.
              left join organizations o on o.msp_id = d.msp_id and o.org_id = d.org_id
             where {where}"""


def _page_statement(
    msp_id: MspId,
    now: datetime,
    wanted: DeviceFilter,
    sort: _Sort,
    order: SortOrder,
    limit: int,
    after: Sequence[CursorKey] | None,
    *,
    fresh: bool,
) -> tuple[str, Sequence[object]]:
    parameters = Parameters(msp_id, now)
    matching, conditions = _matching(wanted, parameters, fresh=fresh)
    if after is not None:
        conditions.append(sort.beyond(after, order, parameters))
    statement = f"""
        select * from ({matching}) fleet where {" and ".join(conditions)}
         order by {sort.order_by(order)} limit {parameters.add(limit + 1)}"""
    return statement, parameters.values


def _count_statement(
    msp_id: MspId, now: datetime, wanted: DeviceFilter, *, fresh: bool
) -> tuple[str, Sequence[object]]:
    parameters = Parameters(msp_id, now)
    matching, conditions = _matching(wanted, parameters, fresh=fresh)
    statement = f"select count(*) from ({matching}) fleet where {' and '.join(conditions)}"
    return statement, parameters.values


def _matching(
    wanted: DeviceFilter, parameters: Parameters, *, fresh: bool
) -> tuple[str, list[str]]:
    where = ["d.msp_id = $1"]
    if wanted.org_id is not None:
        where.append(f"d.org_id = {parameters.add(wanted.org_id)}")
    if wanted.text is not None:
        where.append(f"d.client_id in (select search_devices({parameters.add(wanted.text)}))")
    conditions = ["true"]
    if wanted.health is not None or wanted.connection is not None:
        states = matching_states(wanted.health, wanted.connection)
        if fresh:
            # Found by what is stored; a device that changed in the seconds since is left out.
            ranks = sorted({_rank(state) for state in states})
            where.append(f"d.health = any({parameters.add(ranks)}::smallint[])")
            stages = sorted({State.from_number(state).stage for state in states})
            where.append(f"d.stage = any({parameters.add(stages)}::smallint[])")
        # As an argument of coalesce: an expression compared with = is taken to match next to
        # nothing, and a whole tenant would be read and sorted for one page.
        conditions.append(f"coalesce(state = any({parameters.add(states)}::smallint[]), false)")
    return _fleet(" and ".join(where), "$2"), conditions


def _walk(
    msp_id: MspId, wanted: DeviceFilter, sort: DeviceSort, order: SortOrder
) -> Sequence[str | None]:
    org_id = None if wanted.org_id is None else format_org_id(wanted.org_id)
    filters = [org_id, wanted.health, wanted.connection, wanted.text]
    return [str(msp_id), "devices", *filters, sort, order]


def _rank(state: int) -> int:
    return list(Health).index(State.from_number(state).health) + 1


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
