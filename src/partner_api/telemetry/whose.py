"""Whose figures are asked for: the whole MSP's or one organization's."""

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import MspId, OrgId
from partner_api.organizations.service import OrganizationNotFound

_EXISTS = "select exists (select from organizations where msp_id = $1 and org_id = $2)"


async def require_organization(
    connection: PoolConnectionProxy, msp_id: MspId, org_id: OrgId | None
) -> None:
    """Make sure that the organization, if one is named, is the MSP's; OrganizationNotFound."""
    if org_id is not None and not await connection.fetchval(_EXISTS, msp_id, org_id):
        raise OrganizationNotFound
