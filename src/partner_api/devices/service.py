"""Devices: found and removed."""

from partner_api.devices import repository
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import NotFound
from partner_api.kernel.ids import ClientId
from partner_api.tenancy.session import TenantSession


class DeviceNotFound(NotFound):
    """No such device in the caller's MSP."""

    def __init__(self) -> None:
        super().__init__("Device not found")


async def delete_device(session: TenantSession, client_id: ClientId, clock: Clock) -> None:
    """Remove a device from tracking; its token is dead when this commits. DeviceNotFound."""
    if not await repository.remove_device(session, client_id, clock.now()):
        raise DeviceNotFound
