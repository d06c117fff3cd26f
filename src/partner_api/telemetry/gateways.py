"""Whose routers devices stand behind, by the MAC addresses of their gateways."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from partner_api.kernel.ids import MspId, OrgId
from partner_api.kernel.single_flight import SingleFlight
from partner_api.telemetry import memory
from partner_api.telemetry.manufacturers import packaged_table
from partner_api.telemetry.manufacturers.table import Kind
from partner_api.telemetry.whose import require_organization
from partner_api.tenancy.tenancy import Tenancy

# The longest prefix anybody has is 36 bits; what differs beyond it is one manufacturer's.
_REST_BITS = 12
_GATEWAYS = f"""
    select r.gateway_mac >> {_REST_BITS}, count(*) from device_reports r
      join devices d on d.msp_id = $1 and d.client_id = r.client_id
     where r.msp_id = $1 and ($2::uuid is null or d.org_id = $2)
     group by 1"""


@dataclass(frozen=True, slots=True)
class GatewayCount:
    """How many devices are behind gateways of one manufacturer, or of one kind without."""

    manufacturer: str | None
    kind: Kind
    devices: int


class Gateways:
    """Counts one MSP's gateways."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._flights = SingleFlight[tuple[MspId, OrgId | None], Sequence[GatewayCount]](
            memory.REMEMBERED_SECONDS
        )

    async def count(self, msp_id: MspId, org_id: OrgId | None) -> Sequence[GatewayCount]:
        """Devices by their gateways, most first; OrganizationNotFound.

        Devices that told of no gateway are left out.
        """

        async def count() -> Sequence[GatewayCount]:
            async with self._tenancy.reading(msp_id) as connection:
                await require_organization(connection, msp_id, org_id)
                rows = await connection.fetch(_GATEWAYS, msp_id, org_id)
            table = packaged_table()
            counts = Counter[tuple[str | None, Kind]]()
            for prefix, devices in rows:
                if prefix is not None:
                    mac = prefix << _REST_BITS
                    counts[table.manufacturer(mac), table.kind(mac)] += devices
            ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0][0] or ""))
            return [GatewayCount(*named, devices) for named, devices in ordered]

        return await self._flights.get((msp_id, org_id), count)
