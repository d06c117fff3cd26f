"""MSPs: made by the operator; members: read by the MSP."""

from collections.abc import Sequence

from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid
from partner_api.kernel.text import is_clean
from partner_api.msps import repository
from partner_api.msps.models import Member, Msp
from partner_api.tenancy.session import TenantSession

LONGEST_NAME = 100


async def create_msp(session: TenantSession, name: str, clock: Clock) -> None:
    """Add the session's MSP under `name`; Invalid for an empty, long or unprintable one."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not is_clean(name):
        raise Invalid(f"An MSP's name has 1 to {LONGEST_NAME} printable characters")
    session.add(Msp(name=name, created_at=clock.now()))
    await session.flush()


async def list_members(session: TenantSession) -> Sequence[Member]:
    """Everyone who has logged in to the MSP's account."""
    return await repository.list_members(session)
