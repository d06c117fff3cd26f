"""A fleet in figures: what it is made of, and how it fared over time.

Answers that many ask for are computed once: while one is under way, and for a few seconds after.
"""

from collections.abc import Mapping
from typing import Final

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.clock import Clock
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import MspId, OrgId
from partner_api.kernel.single_flight import SingleFlight
from partner_api.organizations.service import OrganizationNotFound
from partner_api.telemetry import makeup, states
from partner_api.telemetry.check_ins import check_ins
from partner_api.telemetry.makeup import Makeup
from partner_api.telemetry.series import Asked, Metric, Series, Source
from partner_api.telemetry.windows import Buckets, SeriesWindow
from partner_api.tenancy.tenancy import Tenancy

REMEMBERED_SECONDS = 5.0
AT_ONCE = 1
"""So many reads of one process may look at all of an MSP's devices or steps at a time."""
PATIENCE_SECONDS = 4.0

SOURCES: Final[Mapping[Metric, Source]] = {
    Metric.HEALTH: states.health,
    Metric.CONNECTIVITY: states.connectivity,
    Metric.CHECK_INS: check_ins,
}

_Key = tuple[MspId, OrgId | None]


class Analytics:
    """Reads one MSP's figures, or those of one of its organizations."""

    def __init__(self, tenancy: Tenancy, clock: Clock) -> None:
        self._tenancy = tenancy
        self._clock = clock
        self._makeups = SingleFlight[_Key, Makeup](REMEMBERED_SECONDS)
        self._series = SingleFlight[tuple[_Key, Metric, SeriesWindow], Series](REMEMBERED_SECONDS)
        self._slow = FairGate(AT_ONCE, PATIENCE_SECONDS)

    async def makeup(self, msp_id: MspId, org_id: OrgId | None) -> Makeup:
        """What the devices are; OrganizationNotFound, Unavailable."""

        async def read() -> Makeup:
            async with self._slow.turn(msp_id), self._tenancy.reading(msp_id) as connection:
                await _require(connection, msp_id, org_id)
                return await makeup.read(connection, msp_id, org_id)

        return await self._makeups.get((msp_id, org_id), read)

    async def series(
        self, msp_id: MspId, org_id: OrgId | None, metric: Metric, window: SeriesWindow
    ) -> Series:
        """A metric over time, up to now; OrganizationNotFound, Unavailable."""

        async def read() -> Series:
            async with self._slow.turn(msp_id), self._tenancy.reading(msp_id) as connection:
                await _require(connection, msp_id, org_id)
                now = self._clock.now()
                buckets = Buckets.of(window, now)
                asked = Asked(msp_id, org_id, buckets, now)
                values = await SOURCES[metric](connection, asked)
            return Series(metric, window, buckets.length, buckets.starts, values)

        return await self._series.get(((msp_id, org_id), metric, window), read)


async def _require(connection: PoolConnectionProxy, msp_id: MspId, org_id: OrgId | None) -> None:
    if org_id is not None and not await connection.fetchval(_EXISTS, msp_id, org_id):
        raise OrganizationNotFound


_EXISTS = "select exists (select from organizations where msp_id = $1 and org_id = $2)"
