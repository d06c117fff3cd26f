"""The organization list with each one's figures, and the fleet's own."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.fleet.counts import Counts, StateCounts, fleet_counts, total_of
from partner_api.fleet.types import FleetCounts, NetworkCounts, OrganizationView
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import MspId, OrgId
from partner_api.kernel.paging import CursorSigner, Page
from partner_api.kernel.sql import Parameters
from partner_api.organizations.models import COUNTERS
from partner_api.organizations.service import OrganizationNotFound
from partner_api.status.rules import STATES, Health, worst
from partner_api.tenancy.tenancy import Tenancy


class Organizations:
    """Reads one MSP's organizations and totals."""

    def __init__(
        self, tenancy: Tenancy, counts: Counts, cursors: CursorSigner, clock: Clock
    ) -> None:
        self._tenancy = tenancy
        self._counts = counts
        self._cursors = cursors
        self._clock = clock

    async def stats(self, msp_id: MspId) -> tuple[FleetCounts, int]:
        """The whole fleet's figures, and how many organizations there are."""
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            organizations = await connection.fetchval(_TOTAL, msp_id)
            fresh = await self._counts.are_fresh(connection, msp_id, now)
            counts = await self._counts.stored(connection, msp_id, None) if fresh else None
        if counts is None:
            counts = total_of(await self._counts.live(msp_id, now), None)
        return fleet_counts(counts), organizations

    async def get(self, msp_id: MspId, org_id: OrgId) -> OrganizationView:
        """One organization with its figures; OrganizationNotFound."""
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            fresh = await self._counts.are_fresh(connection, msp_id, now)
            row = await connection.fetchrow(_ONE, msp_id, org_id)
        if row is None:
            raise OrganizationNotFound
        counts = None if fresh else total_of(await self._counts.live(msp_id, now), org_id)
        return _organization(row, counts)

    async def list(self, msp_id: MspId, limit: int, cursor: str | None) -> Page[OrganizationView]:
        """A page of organizations, critical first, then by name; Invalid for a foreign cursor."""
        walk = [str(msp_id), "organizations"]
        position = _START if cursor is None else self._cursors.open(walk, cursor)
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            total = await connection.fetchval(_TOTAL, msp_id)
            if await self._counts.are_fresh(connection, msp_id, now):
                rows = await _page(connection, msp_id, position, limit, None)
                live = False
            else:
                live = True
        if live:
            counts = await self._counts.live(msp_id, now)
            async with self._tenancy.reading(msp_id) as connection:
                rows = await _page(connection, msp_id, position, limit, counts)
        more = len(rows) > limit
        rows = rows[:limit]
        after = [rows[-1]["rank"], rows[-1]["name_sort"], str(rows[-1]["org_id"])] if more else []
        return Page(
            [_organization(row) for row in rows],
            total,
            self._cursors.seal(walk, after) if more else None,
        )


# Before every row: no rank is below zero.
_START = (-1, "", str(UUID(int=0)))
_TOTAL = "select count(*) from organizations where msp_id = $1"
_LEVELS = ", ".join(f"coalesce(n.{name}, 0) as {name}" for name in ("good", "degraded", "poor"))
_FIGURES = ", ".join(f"coalesce(c.{name}, 0) as {name}" for name in COUNTERS)


def _any_of(health: Health) -> str:
    names = [name for name, state in zip(COUNTERS, STATES, strict=True) if state.health is health]
    return f"greatest({', '.join(f'c.{name}' for name in names)}) > 0"


_RANK = (
    f"case when {_any_of(Health.CRITICAL)} then 0 when {_any_of(Health.WARNING)} then 1 else 2 end"
)
_NETWORKS = """
      left join network_counters n on n.msp_id = o.msp_id and n.org_id = o.org_id"""
_ONE = f"""
    select o.msp_id, o.org_id, o.name, o.slug, {_FIGURES}, {_LEVELS}
      from organizations o
      left join organization_counters c on c.msp_id = o.msp_id and c.org_id = o.org_id {_NETWORKS}
     where o.msp_id = $1 and o.org_id = $2"""


async def _page(
    connection: PoolConnectionProxy,
    msp_id: MspId,
    position: Sequence[object],
    limit: int,
    live: Mapping[UUID, StateCounts] | None,
) -> Sequence[Record]:
    parameters = Parameters(msp_id)
    counters = "organization_counters c on c.msp_id = o.msp_id and c.org_id = o.org_id"
    if live is not None:
        org_ids = parameters.add(list(live))
        columns = [list(column) for column in zip(*live.values(), strict=True)] or [[]] * len(
            COUNTERS
        )
        counted = ", ".join(f"{parameters.add(column)}::integer[]" for column in columns)
        counters = (
            f"unnest({org_ids}::uuid[], {counted}) as c (org_id, {', '.join(COUNTERS)}) "
            "on c.org_id = o.org_id"
        )
    rank, name, org_id = (parameters.add(key) for key in position)
    statement = f"""
        select * from (
            select o.msp_id, o.org_id, o.name, o.name_sort, o.slug, {_FIGURES}, {_LEVELS},
                   {_RANK} as rank
              from organizations o left join {counters} {_NETWORKS}
             where o.msp_id = $1) f
         where (rank, name_sort, org_id) > ({rank}::integer, {name}::text, {org_id}::text::uuid)
         order by rank, name_sort, org_id limit {parameters.add(limit + 1)}"""
    return await connection.fetch(statement, *parameters.values)


def _organization(row: Record, counts: StateCounts | None = None) -> OrganizationView:
    figures = fleet_counts(counts or [row[name] for name in COUNTERS])
    return OrganizationView(
        org_id=OrgId(row["org_id"]),
        msp_id=MspId(row["msp_id"]),
        name=row["name"],
        slug=row["slug"],
        counts=figures,
        networks=_networks(row, figures.total),
        health=worst(figures.health),
    )


def _networks(row: Record, total: int) -> NetworkCounts:
    good, degraded, poor = (max(row[name], 0) for name in ("good", "degraded", "poor"))
    # Counted apart from the total, a moment later at most.
    return NetworkCounts(good, degraded, poor, max(total - good - degraded - poor, 0))
