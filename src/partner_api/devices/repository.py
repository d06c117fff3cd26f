"""Queries on devices and releases."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from partner_api.devices.models import Device, DeviceLabels, Release
from partner_api.kernel.ids import ClientId, OrgId
from partner_api.tenancy.session import TenantSession


async def get_device_for_update(session: TenantSession, client_id: ClientId) -> Device | None:
    """One of the MSP's devices, locked until the transaction ends."""
    return await session.get(Device, (session.msp_id, client_id), with_for_update=True)


async def get_labels(session: TenantSession, client_id: ClientId) -> DeviceLabels | None:
    """What integrators noted about a device; None when nothing yet."""
    return await session.get(DeviceLabels, (session.msp_id, client_id))


async def insert_devices(session: TenantSession, devices: Sequence[Device]) -> Collection[ClientId]:
    """Add rows unless their client ids are taken; returns the ids that were added."""
    if not devices:
        return ()
    added = await session.scalars(
        insert(Device).on_conflict_do_nothing().returning(Device.client_id),
        [_given(device) for device in devices],
    )
    return {ClientId(client_id) for client_id in added}


async def record_enrolled(
    session: TenantSession, client_ids: Sequence[ClientId], now: datetime
) -> None:
    """Settle and record devices that were just inserted into organizations held FOR SHARE."""
    await session.flush()
    await session.execute(select(func.record_enrolled(session.msp_id, _uuids(client_ids), now)))


async def adjust_device(
    session: TenantSession, client_id: ClientId, cause: str, now: datetime
) -> None:
    """Let a device's state follow what its row says by now."""
    await session.flush()
    await session.execute(
        select(func.adjust_devices(session.msp_id, _uuids([client_id]), now, cause, now))
    )


async def record_version(
    session: TenantSession, client_id: ClientId, version_before: str, now: datetime
) -> None:
    """Write an event when a device's row names another version than this."""
    await session.flush()
    await session.execute(
        select(func.record_version(session.msp_id, client_id, version_before, now))
    )


async def check_in_interval(session: TenantSession, client_id: ClientId) -> int | None:
    """How often a device should check in, where somebody chose that."""
    interval: int | None = await session.scalar(
        select(Device.check_in_interval_seconds).where(Device.client_id == client_id)
    )
    return interval


async def move_device(
    session: TenantSession, client_id: ClientId, org_id: OrgId, now: datetime
) -> None:
    """Put a device that is there into an organization held FOR SHARE."""
    await session.execute(select(func.move_device(session.msp_id, client_id, org_id, now)))


async def remove_device(session: TenantSession, client_id: ClientId, now: datetime) -> bool:
    """Delete a row; tells whether there was one."""
    removed = await session.scalar(select(func.remove_device(session.msp_id, client_id, now)))
    return bool(removed)


async def record_release(owner: AsyncConnection, release: Release) -> None:
    """Write an event into every MSP's log."""
    facts = (release.channel, release.os, release.version, release.published_at)
    await owner.execute(select(func.record_release(*facts)))


async def insert_release(owner: AsyncConnection, release: Release) -> bool:
    """Add a release unless it was published before; tells whether it was added."""
    added = await owner.execute(
        insert(Release).values(_given(release)).on_conflict_do_nothing().returning(Release.version)
    )
    return added.first() is not None


async def list_releases(owner: AsyncConnection) -> Sequence[Release]:
    """Every release, by channel and operating system, newest version first."""
    columns = Release.__table__.columns
    rows = await owner.execute(
        select(Release.__table__).order_by(columns.channel, columns.os, columns.version_sort.desc())
    )
    return [Release(**row) for row in rows.mappings()]


def _given(row: Device | Release) -> Mapping[str, Any]:
    """What was set on a new row; the database fills in the rest."""
    return {key: value for key, value in vars(row).items() if not key.startswith("_")}


def _uuids(ids: Sequence[UUID]) -> ColumnElement[Any]:
    return cast(list(ids), ARRAY(Uuid))
