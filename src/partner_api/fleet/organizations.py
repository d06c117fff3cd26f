"""The organization list with each one's figures, and the fleet's own."""

from uuid import UUID

from asyncpg import Record

from partner_api.devices.health import IS_CURRENT, NEWEST_RELEASES, connection_sql, health_sql
from partner_api.fleet.types import FleetCounts, OrganizationView
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import MspId, OrgId
from partner_api.kernel.paging import CursorSigner, Page
from partner_api.organizations.service import OrganizationNotFound
from partner_api.status.rules import Connection, Health, worst
from partner_api.tenancy.tenancy import Tenancy


class Organizations:
    """Reads one MSP's organizations and totals."""

    def __init__(self, tenancy: Tenancy, cursors: CursorSigner, clock: Clock) -> None:
        self._tenancy = tenancy
        self._cursors = cursors
        self._clock = clock

    async def stats(self, msp_id: MspId) -> tuple[FleetCounts, int]:
        """The whole fleet's figures, and how many organizations there are."""
        async with self._tenancy.reading(msp_id) as connection:
            row = await connection.fetchrow(_STATS, msp_id, self._clock.now())
        assert row is not None
        return _counts(row), row["organizations"]

    async def get(self, msp_id: MspId, org_id: OrgId) -> OrganizationView:
        """One organization with its figures; OrganizationNotFound."""
        async with self._tenancy.reading(msp_id) as connection:
            row = await connection.fetchrow(_ONE, msp_id, self._clock.now(), org_id)
        if row is None:
            raise OrganizationNotFound
        return _organization(row)

    async def list(self, msp_id: MspId, limit: int, cursor: str | None) -> Page[OrganizationView]:
        """A page of organizations, critical first, then by name; Invalid for a foreign cursor."""
        walk = [str(msp_id), "organizations"]
        rank, name, org_id = _START if cursor is None else self._cursors.open(walk, cursor)
        async with self._tenancy.reading(msp_id) as connection:
            rows = await connection.fetch(
                _PAGE, msp_id, self._clock.now(), rank, name, org_id, limit + 1
            )
            total = await connection.fetchval(_TOTAL, msp_id)
        more = len(rows) > limit
        rows = rows[:limit]
        position = (
            [rows[-1]["rank"], rows[-1]["name_sort"], str(rows[-1]["org_id"])] if more else []
        )
        return Page(
            [_organization(row) for row in rows],
            total,
            self._cursors.seal(walk, position) if more else None,
        )


# Before every row: no rank is below zero.
_START = (-1, "", str(UUID(int=0)))
_FIGURES = """
    count(*) as total, count(*) filter (where current) as current_version,
    count(*) filter (where health = 'healthy') as healthy,
    count(*) filter (where health = 'warning') as warning,
    count(*) filter (where health = 'critical') as critical,
    count(*) filter (where connection = 'streaming') as streaming,
    count(*) filter (where connection = 'idle') as idle,
    count(*) filter (where connection = 'offline') as offline"""


def _fleet(where: str) -> str:
    return f"""fleet as (
        select d.org_id, {IS_CURRENT} as current, {health_sql("$2")} as health,
               {connection_sql("$2")} as connection
          from devices d {NEWEST_RELEASES}
         where {where}
    )"""


def _organizations(where_device: str, where_organization: str) -> str:
    return f"""
        with {_fleet(where_device)}, figures as (
            select org_id, {_FIGURES} from fleet group by org_id
        ), organizations_with_figures as (
            select o.msp_id, o.org_id, o.name, o.name_sort, o.slug, f.total, f.current_version,
                   f.healthy, f.warning, f.critical, f.streaming, f.idle, f.offline,
                   case when f.critical > 0 then 0 when f.warning > 0 then 1 else 2 end as rank
              from organizations o left join figures f on f.org_id = o.org_id
             where {where_organization}
        )"""


_STATS = f"""
    with {_fleet("d.msp_id = $1")}
    select {_FIGURES},
           (select count(*) from organizations where msp_id = $1) as organizations
      from fleet"""
_TOTAL = "select count(*) from organizations where msp_id = $1"
_COLUMNS = """
    msp_id, org_id, name, name_sort, slug, rank, coalesce(total, 0) as total,
    coalesce(current_version, 0) as current_version, coalesce(healthy, 0) as healthy,
    coalesce(warning, 0) as warning, coalesce(critical, 0) as critical,
    coalesce(streaming, 0) as streaming, coalesce(idle, 0) as idle,
    coalesce(offline, 0) as offline"""
_ONE = f"""
    {_organizations("d.msp_id = $1 and d.org_id = $3", "o.msp_id = $1 and o.org_id = $3")}
    select {_COLUMNS} from organizations_with_figures"""
_PAGE = f"""
    {_organizations("d.msp_id = $1", "o.msp_id = $1")}
    select {_COLUMNS} from organizations_with_figures
     where (rank, name_sort, org_id)
           > ($3::integer, $4::text, $5::text::uuid)
     order by rank, name_sort, org_id limit $6"""


def _counts(row: Record) -> FleetCounts:
    return FleetCounts(
        total=row["total"],
        health={health: row[health] for health in Health},
        connection={connection: row[connection] for connection in Connection},
        current_version=row["current_version"],
    )


def _organization(row: Record) -> OrganizationView:
    counts = _counts(row)
    return OrganizationView(
        org_id=OrgId(row["org_id"]),
        msp_id=MspId(row["msp_id"]),
        name=row["name"],
        slug=row["slug"],
        counts=counts,
        health=worst(counts.health),
    )
