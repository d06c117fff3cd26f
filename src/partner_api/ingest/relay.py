"""Check-ins an integrator passes on for devices of its own MSP.

Everyday ones are written by a statement of their own. From the look-up of their devices' token
hashes on the others go the way of every check-in. A device nobody knows is registered first, if
its first item says enough; it has no token until it enrolls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from partner_api.database.pools import ACQUIRE_SECONDS, acquired
from partner_api.devices.facts import FACT_NAMES, Facts
from partner_api.ingest.check_ins import CheckIns
from partner_api.ingest.types import CheckInOutcome, Rejection, RelayedCheckIn
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Unauthenticated, Unavailable
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import ClientId, MspId, format_client_id
from partner_api.provisioning.enrollment import Registration, register_devices
from partner_api.tenancy.principal import DevicePrincipal
from partner_api.tenancy.tenancy import Tenancy

_NEEDED = ("os", "arch", "currentVersion")
_CHANNEL = FACT_NAMES.index("channel")
_UNKNOWN = "This device is unknown; orgId, os, arch and currentVersion are needed to register it"
_NO_ORGANIZATION = "Organization not found"
_GONE = "The device was deleted or enrolled again meanwhile"
_AGAIN = "Not written; send it again"
_DEVICES = "select * from relay_devices($1, $2)"

Batches = Mapping[ClientId, Sequence[RelayedCheckIn]]


@dataclass(frozen=True)
class RelayOutcome:
    """What became of a relay request."""

    accepted: int
    duplicates: int
    rejected: Sequence[Rejection]


class Relay:
    """Takes check-ins of verified shape from a verified integrator."""

    def __init__(
        self, pool: asyncpg.Pool, tenancy: Tenancy, check_ins: CheckIns, clock: Clock
    ) -> None:
        self._pool = pool
        self._tenancy = tenancy
        self._check_ins = check_ins
        self._clock = clock
        # One look-up at a time, so that devices' own check-ins need not wait for a connection.
        self._gate = FairGate(1, ACQUIRE_SECONDS)

    async def take(self, msp_id: MspId, items: Sequence[RelayedCheckIn]) -> RelayOutcome:
        """Take each device's items in their order; returns after the commits. Unavailable."""
        batches = _by_device(items)
        ones = [batch[0] for batch in batches.values() if len(batch) == 1]
        relayed = await self._check_ins.check_in_relayed(msp_id, ones)
        rest = {key: batch for key, batch in batches.items() if len(batch) > 1}
        rest |= {item.client_id: [item] for item in relayed.left}
        missed = {item.client_id: _AGAIN for item in relayed.missed}
        try:
            results = await self._take_rest(msp_id, rest) if rest else {}
        except Unavailable:
            if not relayed.written:
                raise
            results = dict.fromkeys(rest, _AGAIN)
        return _summary(relayed.written, batches, {**missed, **results})

    async def _take_rest(
        self, msp_id: MspId, batches: Batches
    ) -> Mapping[ClientId, CheckInOutcome | str]:
        """What became of each device's items, or why they were not taken."""
        devices = await self._devices(msp_id, list(batches))
        unknown = {key: batch for key, batch in batches.items() if key not in devices}
        rejected = await self._register(msp_id, unknown)
        registered = [key for key in unknown if key not in rejected]
        devices |= await self._devices(msp_id, registered) if registered else {}
        outcomes = await self._check_ins.check_in_all(
            [(device, [item.check_in for item in batches[key]]) for key, device in devices.items()]
        )
        written = {key: _told(outcome) for key, outcome in zip(devices, outcomes, strict=True)}
        gone = dict.fromkeys(batches.keys() - rejected.keys(), _GONE)
        return gone | rejected | written

    async def _devices(
        self, msp_id: MspId, client_ids: Sequence[ClientId]
    ) -> dict[ClientId, DevicePrincipal]:
        async with self._gate.turn(msp_id), acquired(self._pool) as connection:
            rows = await connection.fetch(_DEVICES, msp_id, client_ids)
        return {
            ClientId(client_id): DevicePrincipal(msp_id, ClientId(client_id), token_hash)
            for client_id, token_hash in rows
        }

    async def _register(self, msp_id: MspId, unknown: Batches) -> dict[ClientId, str]:
        """Register what can be; says of the others why not."""
        wanted = {key: _registration(batch[0]) for key, batch in unknown.items()}
        registrations = [registration for registration in wanted.values() if registration]
        rejected = {key: _UNKNOWN for key, registration in wanted.items() if not registration}
        if registrations:
            async with self._tenancy.session(msp_id) as session:
                missing = await register_devices(session, registrations, self._clock.now())
                await session.commit()
            rejected |= {
                r.client_id: _NO_ORGANIZATION for r in registrations if r.org_id in missing
            }
        return rejected


def _told(outcome: CheckInOutcome | Exception) -> CheckInOutcome | str:
    """What became of a device's items, or why they were not taken."""
    match outcome:
        case CheckInOutcome():
            return outcome
        case Unauthenticated():
            return _GONE
        case Unavailable():
            # Others of the request may be written: this device's items alone are to be sent again.
            return _AGAIN
        case _:
            raise outcome


def _by_device(items: Sequence[RelayedCheckIn]) -> Batches:
    batches: dict[ClientId, list[RelayedCheckIn]] = {}
    for item in items:
        batches.setdefault(item.client_id, []).append(item)
    return batches


def _registration(item: RelayedCheckIn) -> Registration | None:
    facts = dict(zip(FACT_NAMES, item.check_in.facts, strict=True))
    if item.org_id is None or not all(facts[name] for name in _NEEDED):
        return None
    return Registration(item.client_id, item.org_id, _with_channel(item.check_in.facts))


def _with_channel(facts: Facts) -> Facts:
    return (*facts[:_CHANNEL], facts[_CHANNEL] or "stable", *facts[_CHANNEL + 1 :])


def _summary(
    written: int, batches: Batches, results: Mapping[ClientId, CheckInOutcome | str]
) -> RelayOutcome:
    """The answer where so many items are written and this became of the other devices'."""
    done = [result for result in results.values() if not isinstance(result, str)]
    return RelayOutcome(
        accepted=written + sum(outcome.accepted for outcome in done),
        duplicates=sum(outcome.duplicates for outcome in done),
        rejected=[
            Rejection(item.index, result, format_client_id(key))
            for key, result in results.items()
            if isinstance(result, str)
            for item in batches[key]
        ],
    )
