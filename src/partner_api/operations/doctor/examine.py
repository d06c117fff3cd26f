"""`partner-api doctor`: every check, whether or not the database can be reached."""

import asyncio
from collections.abc import Sequence

from partner_api.config import Databases, Settings
from partner_api.kernel.clock import Clock, SystemClock
from partner_api.kernel.errors import PartnerApiError
from partner_api.operations.doctor.database import examine_database
from partner_api.operations.doctor.findings import Finding, fail
from partner_api.operations.doctor.machine import examine_machine
from partner_api.operations.environment import embedded_cluster, joined


def diagnose(settings: Settings) -> Sequence[Finding]:
    """All there is to find, the embedded database's refusal to start included."""
    try:
        with joined(settings, embedded_cluster(settings)) as databases:
            return asyncio.run(examine(settings, databases))
    except PartnerApiError as error:
        return [fail("database", error.message), *examine_machine(settings)]


async def examine(
    settings: Settings, databases: Databases, clock: Clock | None = None
) -> Sequence[Finding]:
    """All there is to find with the database's URLs at hand."""
    found = await examine_database(databases, clock or SystemClock())
    return [*found, *examine_machine(settings)]
