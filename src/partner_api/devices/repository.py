"""Queries on devices and releases."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from partner_api.devices.models import Device, DeviceLabels, Release
from partner_api.kernel.ids import ClientId
from partner_api.tenancy.session import TenantSession


async def get_device_for_update(session: TenantSession, client_id: ClientId) -> Device | None:
    """One of the MSP's devices, locked until the transaction ends."""
    return await session.get(Device, (session.msp_id, client_id), with_for_update=True)


async def get_labels(session: TenantSession, client_id: ClientId) -> DeviceLabels | None:
    """What integrators noted about a device; None when nothing yet."""
    return await session.get(DeviceLabels, (session.msp_id, client_id))


async def insert_device(session: TenantSession, device: Device) -> bool:
    """Add a row unless the client id is taken; tells whether it was added."""
    values = {column.key: getattr(device, column.key) for column in Device.__table__.columns}
    added = await session.execute(
        insert(Device).values(values).on_conflict_do_nothing().returning(Device.client_id)
    )
    return added.first() is not None


async def delete_device(session: TenantSession, client_id: ClientId) -> bool:
    """Delete a row; tells whether there was one."""
    deleted = await session.execute(
        delete(Device)
        .where(Device.client_id == client_id)
        .returning(Device.client_id)
        .execution_options(synchronize_session=False)
    )
    return deleted.first() is not None


async def insert_release(owner: AsyncConnection, release: Release) -> bool:
    """Add a release unless it was published before; tells whether it was added."""
    values = {column.key: getattr(release, column.key) for column in Release.__table__.columns}
    added = await owner.execute(
        insert(Release).values(values).on_conflict_do_nothing().returning(Release.version)
    )
    return added.first() is not None


async def list_releases(owner: AsyncConnection) -> Sequence[Release]:
    """Every release, by channel and operating system, newest version first."""
    columns = Release.__table__.columns
    rows = await owner.execute(
        select(Release.__table__).order_by(columns.channel, columns.os, columns.version_sort.desc())
    )
    return [Release(**row) for row in rows.mappings()]
