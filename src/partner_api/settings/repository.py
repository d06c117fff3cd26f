"""Queries on what was chosen."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from partner_api.kernel.ids import OrgId
from partner_api.settings.models import MspSetting, OrganizationSetting
from partner_api.settings.names import Change, Setting, Values
from partner_api.tenancy.session import TenantSession

# There may be no row to lock, so the MSP's number is locked: beside ours, the settings' own.
_SETTINGS = int.from_bytes(b"sets")


async def lock_settings(session: TenantSession) -> None:
    """Have the MSP's settings and its organizations' alone until the transaction ends.

    To be taken before any other lock: then organizations by key, then devices by key, then
    counters.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_SETTINGS, _number(session))))


async def keep_settings(session: TenantSession) -> None:
    """Keep the MSP's settings as they are until the transaction ends; locks as `lock_settings`."""
    await session.execute(select(func.pg_advisory_xact_lock_shared(_SETTINGS, _number(session))))


async def get_msp_values(session: TenantSession) -> Values:
    """What the MSP chose."""
    rows = await session.execute(
        select(MspSetting.name, MspSetting.value).where(MspSetting.name.in_(Setting))
    )
    return {Setting(name): value for name, value in rows}


async def get_organization_values(session: TenantSession, org_id: OrgId) -> Values:
    """What was chosen for one organization."""
    chosen = OrganizationSetting
    rows = await session.execute(
        select(chosen.name, chosen.value).where(chosen.org_id == org_id, chosen.name.in_(Setting))
    )
    return {Setting(name): value for name, value in rows}


async def write_msp_values(session: TenantSession, change: Change) -> None:
    """Choose for the MSP."""
    await _write(session, MspSetting, change, {"msp_id": session.msp_id})


async def write_organization_values(session: TenantSession, org_id: OrgId, change: Change) -> None:
    """Choose for an organization."""
    key = {"msp_id": session.msp_id, "org_id": org_id}
    await _write(session, OrganizationSetting, change, key)


async def _write(
    session: TenantSession,
    model: type[MspSetting | OrganizationSetting],
    change: Change,
    key: Mapping[str, Any],
) -> None:
    inherited = [setting for setting, value in change.items() if value is None]
    if inherited:
        await session.execute(delete(model).filter_by(**key).where(model.name.in_(inherited)))
    chosen = [
        {**key, "name": setting, "value": value}
        for setting, value in change.items()
        if value is not None
    ]
    if chosen:
        added = insert(model).values(chosen)
        await session.execute(
            added.on_conflict_do_update(
                index_elements=[*key, "name"], set_={"value": added.excluded.value}
            )
        )


def _number(session: TenantSession) -> Any:
    # Two MSPs whose numbers are the same by chance wait for each other; nothing else happens.
    return func.hashtext(str(session.msp_id))
