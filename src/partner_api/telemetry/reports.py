"""What devices last said of their networks, their interfaces and themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from msgspec import json

from partner_api.kernel.ids import ClientId, MspId
from partner_api.tenancy.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class Report:
    """Each as the device's newest check-in that said it has it; None for what none ever did."""

    network: dict[str, Any] | None = None
    interfaces: list[Any] | None = None
    metrics: dict[str, float] | None = None


_REPORTS = """
    select client_id, network, interfaces, metrics from device_reports
     where msp_id = $1 and client_id = any($2::uuid[])"""


class Reports:
    """Reads one MSP's."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy

    async def read(self, msp_id: MspId, client_ids: Sequence[ClientId]) -> Mapping[UUID, Report]:
        """Of those among the devices that ever said anything."""
        async with self._tenancy.reading(msp_id) as connection:
            rows = await connection.fetch(_REPORTS, msp_id, client_ids)
        return {
            client_id: Report(*(None if text is None else json.decode(text) for text in texts))
            for client_id, *texts in rows
        }
