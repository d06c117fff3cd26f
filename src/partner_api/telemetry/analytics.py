"""A fleet in figures: what it is made of, and how it fared over time.

Answers that many ask for are computed once: while one is under way, and for a few seconds after.
"""

from collections.abc import Mapping
from typing import Final

from partner_api.kernel.clock import Clock
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import MspId, OrgId
from partner_api.kernel.single_flight import SingleFlight
from partner_api.telemetry import makeup, memory, networks, states
from partner_api.telemetry.check_ins import check_ins
from partner_api.telemetry.makeup import Makeup
from partner_api.telemetry.series import Asked, Metric, Series, Source
from partner_api.telemetry.whose import require_organization
from partner_api.telemetry.windows import Buckets, WindowName
from partner_api.tenancy.tenancy import Tenancy

SOURCES: Final[Mapping[Metric, Source]] = {
    Metric.HEALTH: states.health,
    Metric.CONNECTIVITY: states.connectivity,
    Metric.CHECK_INS: check_ins,
    Metric.LATENCY: networks.latency,
    Metric.JITTER: networks.jitter,
    Metric.PACKET_LOSS: networks.packet_loss,
}

_Key = tuple[MspId, OrgId | None]


class Analytics:
    """Reads one MSP's figures, or those of one of its organizations."""

    def __init__(self, tenancy: Tenancy, clock: Clock, slow: FairGate) -> None:
        self._tenancy = tenancy
        self._clock = clock
        self._makeups = SingleFlight[_Key, Makeup](memory.REMEMBERED_SECONDS)
        self._series = SingleFlight[tuple[_Key, Metric, WindowName], Series](
            memory.REMEMBERED_SECONDS
        )
        self._slow = slow

    async def makeup(self, msp_id: MspId, org_id: OrgId | None) -> Makeup:
        """What the devices are; OrganizationNotFound, Unavailable."""

        async def read() -> Makeup:
            async with self._slow.turn(msp_id), self._tenancy.reading(msp_id) as connection:
                await require_organization(connection, msp_id, org_id)
                return await makeup.read(connection, msp_id, org_id)

        return await self._makeups.get((msp_id, org_id), read)

    async def series(
        self, msp_id: MspId, org_id: OrgId | None, metric: Metric, window: WindowName
    ) -> Series:
        """A metric over time, up to now; OrganizationNotFound, Unavailable."""

        async def read() -> Series:
            async with self._slow.turn(msp_id), self._tenancy.reading(msp_id) as connection:
                await require_organization(connection, msp_id, org_id)
                now = self._clock.now()
                buckets = Buckets.of(window, now)
                asked = Asked(msp_id, org_id, buckets, now)
                values = await SOURCES[metric](connection, asked)
            return Series(metric, window, buckets.length, buckets.starts, values)

        return await self._series.get(((msp_id, org_id), metric, window), read)
