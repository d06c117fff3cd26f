"""What an MSP chooses for its fleet, and for one organization differently: read and changed."""

from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import OrgId, format_org_id
from partner_api.organizations import repository as organizations
from partner_api.organizations.in_force import put_in_force
from partner_api.organizations.service import OrganizationNotFound, require_organization
from partner_api.settings import repository
from partner_api.settings.levels import Level, effective, require_order
from partner_api.settings.names import THRESHOLDS, Change, Values
from partner_api.tenancy.session import TenantSession


async def read_msp_settings(session: TenantSession, server: Level) -> Values:
    """The values in force where nothing else is chosen for an organization."""
    return effective([server, await _msp_level(session)])


async def change_msp_settings(
    session: TenantSession, server: Level, change: Change, clock: Clock
) -> Values:
    """Choose for the whole MSP, and put it in force; OutOfOrder. Answers as reading does."""
    await repository.lock_settings(session)
    await repository.write_msp_values(session, change)
    levels = [server, await _msp_level(session)]
    require_order(levels, change)
    await _require_order_everywhere(session, levels, change)
    await put_in_force(session, levels[-1].values, None, clock.now())
    return effective(levels)


async def read_organization_settings(
    session: TenantSession, org_id: OrgId, server: Level
) -> Values:
    """The values in force in one organization; OrganizationNotFound."""
    await require_organization(session, org_id)
    return effective(await _levels(session, org_id, server))


async def change_organization_settings(
    session: TenantSession, org_id: OrgId, server: Level, change: Change, clock: Clock
) -> Values:
    """Choose for one organization, and put it in force; OrganizationNotFound, OutOfOrder."""
    await repository.lock_settings(session)
    if await organizations.get_organization_for_update(session, org_id) is None:
        raise OrganizationNotFound
    await repository.write_organization_values(session, org_id, change)
    levels = await _levels(session, org_id, server)
    require_order(levels, change)
    await put_in_force(session, levels[1].values, org_id, clock.now())
    return effective(levels)


async def _levels(session: TenantSession, org_id: OrgId, server: Level) -> list[Level]:
    values = await repository.get_organization_values(session, org_id)
    return [server, await _msp_level(session), Level("the organization's", values)]


async def _msp_level(session: TenantSession) -> Level:
    return Level("the MSP's", await repository.get_msp_values(session))


async def _require_order_everywhere(
    session: TenantSession, levels: list[Level], change: Change
) -> None:
    """Refuse what would bring an organization's own choice out of order, by its name."""
    if not change.keys() & set(THRESHOLDS):
        return
    for org_id, name, values in await organizations.list_chosen_thresholds(session):
        whose = f"the organization {name}'s, {format_org_id(org_id)}"
        require_order([*levels, Level(whose, values)], change)
