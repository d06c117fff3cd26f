"""What integrators change about a device: where it belongs, who uses it, their notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from partner_api.devices import repository
from partner_api.devices.facts import FACT_COLUMNS, FACT_NAMES, asset_sort, check_fact
from partner_api.devices.models import Device, DeviceLabels
from partner_api.devices.service import DeviceNotFound
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid
from partner_api.kernel.ids import ClientId, OrgId
from partner_api.organizations.service import keep_organization
from partner_api.tenancy.session import TenantSession

MOST_ATTRIBUTES = 50

AttributeValue = str | float | bool


@dataclass(frozen=True)
class DeviceEdit:
    """A change; what is absent stays as it is.

    `facts` maps names of facts to values, None clears one. `attributes` are merged by key, after
    all were removed when `clears_attributes`.
    """

    org_id: OrgId | None = None
    facts: Mapping[str, str | None] = field(default_factory=dict)
    tags: Sequence[str] | None = None
    attributes: Mapping[str, AttributeValue | None] = field(default_factory=dict)
    clears_attributes: bool = False


async def edit_device(
    session: TenantSession, client_id: ClientId, edit: DeviceEdit, clock: Clock
) -> None:
    """Change a device; DeviceNotFound, OrganizationNotFound, Invalid."""
    if edit.org_id is not None:
        # Locked before the device's row, as enrollment does.
        await keep_organization(session, edit.org_id)
    device = await repository.get_device_for_update(session, client_id)
    if device is None:
        raise DeviceNotFound
    if edit.org_id is not None:
        await repository.move_device(session, client_id, edit.org_id, clock.now())
    for name, value in edit.facts.items():
        _set_fact(device, name, value)
    if edit.facts:
        await repository.adjust_device(session, client_id, "edited", clock.now())
    if edit.tags is not None or edit.attributes or edit.clears_attributes:
        await _set_labels(session, client_id, edit)


def _set_fact(device: Device, name: str, value: str | None) -> None:
    fact = FACT_NAMES.index(name)
    setattr(device, FACT_COLUMNS[fact], None if value is None else check_fact(name, value))
    if value is None:
        device.facts_pinned &= ~(1 << fact)
        # What the device states next is news again, though it may be what it stated before.
        device.facts_digest = None
    else:
        device.facts_pinned |= 1 << fact
    device.asset_sort = asset_sort([getattr(device, column) for column in FACT_COLUMNS])


async def _set_labels(session: TenantSession, client_id: ClientId, edit: DeviceEdit) -> None:
    labels = await repository.get_labels(session, client_id)
    if labels is None:
        labels = DeviceLabels(client_id=client_id, tags=[], attributes="{}")
        session.add(labels)
    if edit.tags is not None:
        labels.tags = list(dict.fromkeys(edit.tags))
    stored = "{}" if edit.clears_attributes else labels.attributes
    labels.attributes = _merged(stored, edit.attributes)


def _merged(stored: str, changes: Mapping[str, AttributeValue | None]) -> str:
    attributes = msgspec.json.decode(stored, type=dict[str, AttributeValue])
    for key, value in changes.items():
        if value is None:
            attributes.pop(key, None)
        else:
            attributes[key] = value
    if len(attributes) > MOST_ATTRIBUTES:
        raise Invalid(f"attributes: a device may have {MOST_ATTRIBUTES}")
    return msgspec.json.encode(attributes).decode()
