"""Enrolling: a device shows an organization's token and gets one of its own."""

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from partner_api.devices import repository as devices
from partner_api.devices.facts import FACT_COLUMNS, Facts, asset_sort, version_sort
from partner_api.devices.models import Device
from partner_api.identity.secrets import KeyedToken, TokenKind, new_keyed_token, parse_keyed_token
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Conflict, Unauthenticated
from partner_api.kernel.ids import ClientId, MspId, OrgId, uuid7
from partner_api.organizations.service import OrganizationNotFound, keep_organization
from partner_api.provisioning import repository
from partner_api.tenancy.session import TenantSession
from partner_api.tenancy.tenancy import Claim, Tenancy


class InvalidEnrollmentToken(Unauthenticated):
    """The token is unknown, revoked, expired or used up; which of them is nobody's business."""

    def __init__(self) -> None:
        super().__init__("Invalid, expired or used up enrollment token")


class EnrolledElsewhere(Conflict):
    """One customer's token must not take over another customer's device."""

    def __init__(self) -> None:
        super().__init__(
            "This clientId is enrolled in another organization. Move or delete the device first."
        )


@dataclass(frozen=True)
class Enrolled:
    """A device's place, and its token at the one moment it can be shown."""

    msp_id: MspId
    org_id: OrgId
    client_id: ClientId
    device_token: str
    check_in_interval_seconds: int | None
    """As the organization chose it; None for the server's."""
    is_new: bool


class Provisioning:
    """Lets devices in."""

    def __init__(self, tenancy: Tenancy, clock: Clock) -> None:
        self._tenancy = tenancy
        self._clock = clock

    async def enroll(self, token_text: str, client_id: ClientId | None, facts: Facts) -> Enrolled:
        """Add a device, or give a known one a new token; InvalidEnrollmentToken, EnrolledElsewhere.

        Enrolling again keeps the device's check-ins, starts its sequence numbers anew and kills
        its old token.
        """
        token = parse_keyed_token(TokenKind.ENROLLMENT, token_text)
        if token is None:
            raise InvalidEnrollmentToken
        now = self._clock.now()
        async with self._tenancy.claimed(token.msp_id, Claim.ENROLLMENT) as session:
            org_id = await _use(session, token, now)
            enrolled = await _place(session, org_id, client_id or ClientId(uuid4()), facts, now)
            await session.commit()
        return enrolled


@dataclass(frozen=True)
class Registration:
    """A device an integrator vouches for; it has no token until it enrolls."""

    client_id: ClientId
    org_id: OrgId
    facts: Facts


async def register_devices(
    session: TenantSession, registrations: Sequence[Registration], now: datetime
) -> Collection[OrgId]:
    """Add the devices that are not there yet; returns the organizations that do not exist.

    Registrations into those are left out.
    """
    missing = set[OrgId]()
    for org_id in sorted({registration.org_id for registration in registrations}):
        try:
            await keep_organization(session, org_id)
        except OrganizationNotFound:
            missing.add(org_id)
    rows = [
        # Nobody is told this token, so nobody holds it.
        _new_device(
            session.msp_id,
            wanted.org_id,
            new_keyed_token(TokenKind.DEVICE, session.msp_id, wanted.client_id),
            wanted.facts,
            now,
        )
        for wanted in sorted(registrations, key=lambda registration: registration.client_id)
        if wanted.org_id not in missing
    ]
    added = await devices.insert_devices(session, rows)
    await devices.record_enrolled(session, sorted(added), now)
    return missing


async def _use(session: TenantSession, token: KeyedToken, now: datetime) -> OrgId:
    row = await repository.get_enrollment_token(session, token.row_id)
    if row is None or not hmac.compare_digest(row.token_hash, token.hash):
        raise InvalidEnrollmentToken
    try:
        await keep_organization(session, row.org_id)
    except OrganizationNotFound:
        raise InvalidEnrollmentToken from None
    if not await repository.use_enrollment_token(session, row.token_id, now):
        raise InvalidEnrollmentToken
    return OrgId(row.org_id)


async def _place(
    session: TenantSession, org_id: OrgId, client_id: ClientId, facts: Facts, now: datetime
) -> Enrolled:
    token = new_keyed_token(TokenKind.DEVICE, session.msp_id, client_id)
    device = _new_device(session.msp_id, org_id, token, facts, now)
    is_new = bool(await devices.insert_devices(session, [device]))
    if is_new:
        await devices.record_enrolled(session, [client_id], now)
    else:
        version_before = await _renew(session, org_id, client_id, token, facts)
        await devices.adjust_device(session, client_id, "enrolled", now)
        await devices.record_version(session, client_id, version_before, now)
    interval = await devices.check_in_interval(session, client_id)
    return Enrolled(session.msp_id, org_id, client_id, token.text, interval, is_new)


async def _renew(
    session: TenantSession, org_id: OrgId, client_id: ClientId, token: KeyedToken, facts: Facts
) -> str:
    """Give a device that enrolls again its new token and facts; returns the version it ran."""
    device = await devices.get_device_for_update(session, client_id)
    if device is None:
        # Deleted between the insert that met it and this lock; the agent tries again.
        raise Conflict("The device was deleted while it enrolled; enroll again")
    if device.org_id != org_id:
        raise EnrolledElsewhere
    version_before = device.current_version
    for fact, (column, value) in enumerate(zip(FACT_COLUMNS, facts, strict=True)):
        if value is not None and not device.facts_pinned >> fact & 1:
            setattr(device, column, value)
    stored = [getattr(device, column) for column in FACT_COLUMNS]
    device.version_sort, device.asset_sort = version_sort(stored), asset_sort(stored)
    device.token_hash = token.hash
    device.sequence_high, device.sequence_window = None, 0
    # As good as stated by the newest check-in: an older one that is still on its way changes none.
    device.facts_digest, device.facts_at = None, None
    device.facts_stated = (1 << len(FACT_COLUMNS)) - 1
    return version_before


def _new_device(
    msp_id: MspId, org_id: OrgId, token: KeyedToken, facts: Facts, now: datetime
) -> Device:
    return Device(
        msp_id=msp_id,
        client_id=token.row_id,
        org_id=org_id,
        enrollment_id=uuid7(now),
        enrolled_at=now,
        token_hash=token.hash,
        last_seen=None,
        check_in_count=0,
        sequence_high=None,
        sequence_window=0,
        facts_digest=None,
        facts_stated=0,
        facts_pinned=0,
        facts_at=None,
        version_sort=version_sort(facts),
        asset_sort=asset_sort(facts),
        **dict(zip(FACT_COLUMNS, facts, strict=True)),
    )
