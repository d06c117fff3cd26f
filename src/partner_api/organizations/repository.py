"""Queries on organizations."""

from collections.abc import Collection, Sequence
from itertools import groupby
from uuid import UUID

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.dialects.postgresql import insert

from partner_api.kernel.ids import OrgId
from partner_api.organizations.models import Organization, OrganizationCounters
from partner_api.settings.models import OrganizationSetting
from partner_api.settings.names import THRESHOLDS, Setting, Values
from partner_api.tenancy.session import TenantSession


async def get_organization(session: TenantSession, org_id: OrgId) -> Organization | None:
    """One of the MSP's organizations."""
    return await session.get(Organization, (session.msp_id, org_id))


async def lock_organization(session: TenantSession, org_id: UUID) -> bool:
    """Keep an organization as it is until the transaction ends; tells if it is there.

    Whoever puts a device into it copies its settings, so these must stand still too.
    """
    found = select(Organization.org_id).where(Organization.org_id == org_id)
    locked = await session.execute(found.with_for_update(read=True))
    return locked.first() is not None


async def get_organization_for_update(session: TenantSession, org_id: OrgId) -> Organization | None:
    """One of the MSP's organizations, alone until the transaction ends."""
    # Its key does not change, so rows that only refer to it need not wait.
    key = (session.msp_id, org_id)
    return await session.get(Organization, key, with_for_update={"key_share": True})


async def list_slugs_like(session: TenantSession, base: str) -> Collection[str]:
    """The slugs in use that are `base` or begin with `base-`."""
    slug = Organization.slug
    # Between these two lies exactly what begins with "base-": "." follows "-" in ASCII.
    like = or_(slug == base, and_(slug > f"{base}-", slug < f"{base}."))
    return set(await session.scalars(select(slug).where(like)))


async def insert_organization(session: TenantSession, organization: Organization) -> bool:
    """Add a row unless its slug was taken meanwhile; tells whether it was added."""
    values = {
        column.key: getattr(organization, column.key)
        for column in Organization.__table__.columns
        if column.key in vars(organization)
    }
    added = await session.execute(
        insert(Organization)
        .values(values)
        .on_conflict_do_nothing(index_elements=["msp_id", "slug"])
        .returning(Organization.org_id)
    )
    if added.first() is None:
        return False
    session.add(OrganizationCounters(msp_id=organization.msp_id, org_id=organization.org_id))
    await session.flush()
    return True


async def list_chosen_thresholds(
    session: TenantSession,
) -> Sequence[tuple[OrgId, str, Values]]:
    """The organizations for which thresholds were chosen: their ids, names, and which."""
    chosen = OrganizationSetting
    rows = await session.execute(
        select(Organization.org_id, Organization.name, chosen.name, chosen.value)
        .join(
            chosen,
            and_(chosen.msp_id == Organization.msp_id, chosen.org_id == Organization.org_id),
        )
        .where(chosen.name.in_(THRESHOLDS))
        .order_by(Organization.org_id)
    )
    return [
        (OrgId(org_id), name, {Setting(setting): value for _, _, setting, value in found})
        for (org_id, name), found in groupby(rows, key=lambda row: (row[0], row[1]))
    ]


async def delete_organization(session: TenantSession, org_id: OrgId) -> bool:
    """Delete a row; tells whether there was one. Postgres refuses while devices point at it."""
    deleted = await session.execute(
        delete(Organization)
        .where(Organization.org_id == org_id)
        .returning(Organization.org_id)
        .execution_options(synchronize_session=False)
    )
    return deleted.first() is not None
