"""The device list, and one device whole."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from asyncpg import Record

from partner_api.devices.health import IS_CURRENT, NEWEST_RELEASES, connection_sql, health_sql
from partner_api.devices.service import DeviceNotFound
from partner_api.fleet.types import DeviceFilter, DeviceSort, DeviceView, Labels, SortOrder
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import ClientId, MspId, OrgId, format_org_id
from partner_api.kernel.paging import CursorKey, CursorSigner, Page, micros, micros_to_instant
from partner_api.kernel.sql import Parameters
from partner_api.status.rules import Connection, Health
from partner_api.tenancy.tenancy import Tenancy


class Devices:
    """Reads one MSP's devices."""

    def __init__(self, tenancy: Tenancy, cursors: CursorSigner, clock: Clock) -> None:
        self._tenancy = tenancy
        self._cursors = cursors
        self._clock = clock

    async def get(self, msp_id: MspId, client_id: ClientId) -> DeviceView:
        """One device; DeviceNotFound."""
        statement = _fleet("d.msp_id = $1 and d.client_id = $2", "$3") + " select * from fleet"
        async with self._tenancy.reading(msp_id) as connection:
            row = await connection.fetchrow(statement, msp_id, client_id, self._clock.now())
        if row is None:
            raise DeviceNotFound
        return _device(row)

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
    ) -> Page[DeviceView]:
        """A page of the devices that match; Invalid for a cursor of another walk."""
        walk = _walk(msp_id, wanted, sort, order)
        after = None if cursor is None else self._cursors.open(walk, cursor)
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            page, values = _page_statement(msp_id, now, wanted, _SORTS[sort], order, limit, after)
            rows = await connection.fetch(page, *values)
            count, values = _count_statement(msp_id, now, wanted)
            total = await connection.fetchval(count, *values)
        more = len(rows) > limit
        rows = rows[:limit]
        position = _SORTS[sort].position(rows[-1]) if more else []
        return Page(
            [_device(row) for row in rows],
            total,
            self._cursors.seal(walk, position) if more else None,
        )


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
_RANK = f"array_position(array[{', '.join(repr(str(health)) for health in Health)}], health)"
_SORTS = {
    DeviceSort.STATUS: _Sort(
        _RANK, "{}::integer", lambda row: list(Health).index(row["health"]) + 1
    ),
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
        with fleet as (
            select d.client_id, d.msp_id, d.org_id, d.current_version, d.os, d.os_version, d.arch,
                   d.channel, d.last_seen, d.check_in_count, d.serial_number, d.asset_id,
                   d.user_name, d.user_email, d.referrer, d.version_sort, d.asset_sort,
                   {IS_CURRENT} as is_current, {health_sql(now)} as health,
                   {connection_sql(now)} as connection
              from devices d {NEWEST_RELEASES}
             where {where}
        )"""


def _page_statement(
    msp_id: MspId,
    now: datetime,
    wanted: DeviceFilter,
    sort: _Sort,
    order: SortOrder,
    limit: int,
    after: Sequence[CursorKey] | None,
) -> tuple[str, Sequence[object]]:
    parameters = Parameters(msp_id, now)
    matching, conditions = _matching(wanted, parameters)
    if after is not None:
        conditions.append(sort.beyond(after, order, parameters))
    statement = f"""{matching}
        select * from fleet where {" and ".join(conditions)}
         order by {sort.order_by(order)} limit {parameters.add(limit + 1)}"""
    return statement, parameters.values


def _count_statement(
    msp_id: MspId, now: datetime, wanted: DeviceFilter
) -> tuple[str, Sequence[object]]:
    parameters = Parameters(msp_id, now)
    matching, conditions = _matching(wanted, parameters)
    statement = f"{matching} select count(*) from fleet where {' and '.join(conditions)}"
    return statement, parameters.values


def _matching(wanted: DeviceFilter, parameters: Parameters) -> tuple[str, list[str]]:
    where = ["d.msp_id = $1"]
    if wanted.org_id is not None:
        where.append(f"d.org_id = {parameters.add(wanted.org_id)}")
    if wanted.text is not None:
        where.append(f"d.client_id in (select search_devices({parameters.add(wanted.text)}))")
    conditions = ["true"]
    if wanted.health is not None:
        conditions.append(f"health = {parameters.add(wanted.health)}")
    if wanted.connection is not None:
        conditions.append(f"connection = {parameters.add(wanted.connection)}")
    return _fleet(" and ".join(where), "$2"), conditions


def _walk(
    msp_id: MspId, wanted: DeviceFilter, sort: DeviceSort, order: SortOrder
) -> Sequence[str | None]:
    org_id = None if wanted.org_id is None else format_org_id(wanted.org_id)
    filters = [org_id, wanted.health, wanted.connection, wanted.text]
    return [str(msp_id), "devices", *filters, sort, order]


def _device(row: Record) -> DeviceView:
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
        is_current_version=row["is_current"],
        connection=Connection(row["connection"]),
        health=Health(row["health"]),
    )
