"""Organizations: created, found, deleted."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from partner_api.events.recording import record
from partner_api.events.types import EventType
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Conflict, NotFound
from partner_api.kernel.ids import OrgId, uuid7
from partner_api.kernel.text import fold
from partner_api.organizations import repository
from partner_api.organizations.in_force import inherited
from partner_api.organizations.models import Organization
from partner_api.organizations.slugs import free_slugs, slug_of
from partner_api.tenancy.session import TenantSession


class OrganizationNotFound(NotFound):
    """No such organization in the caller's MSP."""

    def __init__(self) -> None:
        super().__init__("Organization not found")


class OrganizationHasDevices(Conflict):
    """An organization cannot go while devices are assigned to it."""

    def __init__(self) -> None:
        super().__init__(
            "Cannot delete organization with assigned devices. Reassign or remove devices first."
        )


async def create_organization(session: TenantSession, name: str, clock: Clock) -> Organization:
    """Add an organization under a slug of its own, with its MSP's settings."""
    settings = await inherited(session)
    now = clock.now()
    base = slug_of(name)
    taken = await repository.list_slugs_like(session, base)
    for slug in free_slugs(base, taken):
        organization = Organization(
            msp_id=session.msp_id,
            org_id=uuid7(now),
            name=name,
            name_sort=fold(name),
            slug=slug,
            created_at=now,
            **settings,
        )
        if await repository.insert_organization(session, organization):
            await _record(session, EventType.ORG_CREATED, organization, now)
            return organization
    raise AssertionError("free_slugs never ends")


async def require_organization(session: TenantSession, org_id: OrgId) -> Organization:
    """One of the MSP's organizations; OrganizationNotFound."""
    organization = await repository.get_organization(session, org_id)
    if organization is None:
        raise OrganizationNotFound
    return organization


async def keep_organization(session: TenantSession, org_id: UUID) -> None:
    """Keep an organization from being deleted until the transaction ends; OrganizationNotFound.

    To be taken before locks on its devices and tokens: a delete locks from the organization down.
    """
    if not await repository.lock_organization(session, org_id):
        raise OrganizationNotFound


async def rename_organization(
    session: TenantSession, org_id: OrgId, name: str, clock: Clock
) -> None:
    """Give an organization another name; its slug, which others may have noted, stays."""
    organization = await repository.get_organization_for_update(session, org_id)
    if organization is None:
        raise OrganizationNotFound
    if organization.name == name:
        return
    previous = {"name": organization.name}
    organization.name, organization.name_sort = name, fold(name)
    await _record(session, EventType.ORG_UPDATED, organization, clock.now(), previous)


async def delete_organization(session: TenantSession, org_id: OrgId, clock: Clock) -> None:
    """Delete an empty organization; OrganizationNotFound, OrganizationHasDevices.

    The foreign key decides, not a count beforehand: a device that enrolls at the same moment
    either comes first and keeps the organization, or finds it gone.
    """
    organization = await require_organization(session, org_id)
    try:
        found = await repository.delete_organization(session, org_id)
    except IntegrityError as error:
        raise OrganizationHasDevices from error
    if not found:
        raise OrganizationNotFound
    await _record(session, EventType.ORG_DELETED, organization, clock.now())


async def _record(
    session: TenantSession,
    event: EventType,
    organization: Organization,
    now: datetime,
    previous: Mapping[str, object] | None = None,
) -> None:
    facts = {"name": organization.name, "slug": organization.slug}
    data = {"organization": facts} | ({"previous": previous} if previous else {})
    await record(session, event, now, data, org_id=OrgId(organization.org_id))
