"""Whose routers devices stand behind, by the MAC addresses of their gateways."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import MspId, OrgId
from partner_api.kernel.single_flight import SingleFlight
from partner_api.telemetry import memory
from partner_api.telemetry.manufacturers import packaged_table
from partner_api.telemetry.manufacturers.table import Kind
from partner_api.telemetry.whose import require_organization
from partner_api.tenancy.tenancy import Tenancy

# The longest prefix anybody has is 36 bits; what differs beyond it is one manufacturer's.
_REST_BITS = 12
_OF_MSP = f"""
    select gateway_mac >> {_REST_BITS}, count(*) from device_reports
     where msp_id = $1 and gateway_mac is not null
     group by 1"""
_OF_ORGANIZATION = f"""
    select r.gateway_mac >> {_REST_BITS}, count(*) from devices d
      join device_reports r on r.msp_id = $1 and r.client_id = d.client_id
     where d.msp_id = $1 and d.org_id = $2 and r.gateway_mac is not null
     group by 1"""


@dataclass(frozen=True, slots=True)
class GatewayCount:
    """How many devices are behind gateways of one manufacturer, or of one kind without."""

    manufacturer: str | None
    kind: Kind
    devices: int


class Gateways:
    """Counts one MSP's gateways."""

    def __init__(self, tenancy: Tenancy, slow: FairGate) -> None:
        self._tenancy = tenancy
        self._slow = slow
        self._flights = SingleFlight[tuple[MspId, OrgId | None], Sequence[GatewayCount]](
            memory.REMEMBERED_SECONDS
        )

    async def count(self, msp_id: MspId, org_id: OrgId | None) -> Sequence[GatewayCount]:
        """Devices by their gateways, most first; OrganizationNotFound, Unavailable.

        Devices that told of no gateway are left out.
        """

        async def count() -> Sequence[GatewayCount]:
            async with self._slow.turn(msp_id), self._tenancy.reading(msp_id) as connection:
                await require_organization(connection, msp_id, org_id)
                rows = (
                    await connection.fetch(_OF_MSP, msp_id)
                    if org_id is None
                    else await connection.fetch(_OF_ORGANIZATION, msp_id, org_id)
                )
            table = packaged_table()
            counts = Counter[tuple[str | None, Kind]]()
            for prefix, devices in rows:
                mac = prefix << _REST_BITS
                counts[table.manufacturer(mac), table.kind(mac)] += devices
            ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0][0] or ""))
            return [GatewayCount(*named, devices) for named, devices in ordered]

        return await self._flights.get((msp_id, org_id), count)
