"""How many devices an MSP has in each state: from its counters, or from its devices.

The sweep keeps counters at most two seconds behind. When it stands still, or a release or changed
settings are being worked in, devices are counted: slower, and as right. Who has to judge all of an
MSP's devices waits for a turn: many at once would keep the sweep from catching up, for ever.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from partner_api.devices.health import live_state_sql
from partner_api.fleet.types import FleetCounts
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import MspId, OrgId
from partner_api.kernel.single_flight import SingleFlight
from partner_api.organizations.models import COUNTERS
from partner_api.status.rules import STATES, Connection, Health
from partner_api.tenancy.tenancy import Tenancy

LIVE_SECONDS = 1.0
SLOW_AT_ONCE = 1
"""So many reads of one process may judge all of an MSP's devices at a time."""
PATIENCE_SECONDS = 4.0
"""How long others wait before they are asked to come again; below what any answer may take."""

StateCounts = Sequence[int]
"""A count for each of `status.rules.STATES`."""

_FRESH = "select status_is_fresh($1, $2)"
_TOTAL = f"""
    select {", ".join(f"coalesce(sum({name}), 0)" for name in COUNTERS)}
      from organization_counters where msp_id = $1 and ($2::uuid is null or org_id = $2)"""
_LIVE = f"""
    select f.org_id, {", ".join(f"count(*) filter (where f.state = {n})" for n in range(8))}
      from (select d.org_id, {live_state_sql("$2")} as state
              from devices d
              join organizations o on o.msp_id = $1 and o.org_id = d.org_id
             where d.msp_id = $1
            -- Kept apart, or each of the counts would judge every device by itself.
            offset 0) f
     group by f.org_id"""
_NONE = (0,) * len(COUNTERS)


class Counts:
    """Counts one MSP's devices."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._flights = SingleFlight[MspId, Mapping[UUID, StateCounts]](LIVE_SECONDS)
        self._slow = FairGate(SLOW_AT_ONCE, PATIENCE_SECONDS)

    def slow_turn(self, msp_id: MspId) -> AbstractAsyncContextManager[None]:
        """Hold this while judging all of an MSP's devices; Unavailable when too many wait."""
        return self._slow.turn(msp_id)

    async def are_fresh(
        self, connection: PoolConnectionProxy, msp_id: MspId, now: datetime
    ) -> bool:
        """Whether stored states and counters speak of `now`."""
        fresh: bool = await connection.fetchval(_FRESH, msp_id, now)
        return fresh

    async def stored(
        self, connection: PoolConnectionProxy, msp_id: MspId, org_id: OrgId | None
    ) -> StateCounts:
        """The counters of the whole MSP, or of one organization."""
        row = await connection.fetchrow(_TOTAL, msp_id, org_id)
        return tuple(row or _NONE)

    async def live(self, msp_id: MspId, now: datetime) -> Mapping[UUID, StateCounts]:
        """Every organization's devices counted; organizations without devices are left out.

        One count of an MSP runs at a time, and serves all who ask within a second.
        """

        async def count() -> Mapping[UUID, StateCounts]:
            async with self.slow_turn(msp_id), self._tenancy.reading(msp_id) as connection:
                rows = await connection.fetch(_LIVE, msp_id, now)
            return {row[0]: tuple(row)[1:] for row in rows}

        return await self._flights.get(msp_id, count)


def total_of(counts: Mapping[UUID, StateCounts], org_id: OrgId | None) -> StateCounts:
    """The sum over all organizations, or one organization's."""
    if org_id is not None:
        return counts.get(org_id, _NONE)
    return [sum(column) for column in zip(*counts.values(), strict=True)] or _NONE


def fleet_counts(counts: StateCounts) -> FleetCounts:
    """What people read of it."""
    states = list(zip(STATES, counts, strict=True))
    return FleetCounts(
        total=sum(counts),
        health={each: sum(n for state, n in states if state.health is each) for each in Health},
        connection={
            each: sum(n for state, n in states if state.connection is each) for each in Connection
        },
        current_version=sum(n for state, n in states if state.is_current),
    )
