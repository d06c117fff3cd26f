"""Check-ins an integrator passes on for devices of its own MSP.

From the look-up of their token hashes on they go the way of every check-in. A device nobody knows
is registered first, if the item says enough; it has no token until it enrolls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from partner_api.ingest.types import CheckIn
from partner_api.kernel.ids import ClientId, OrgId

NEEDED_TO_REGISTER = ("os", "arch", "currentVersion")

_DEVICES = "select * from relay_devices($1, $2)"


@dataclass(frozen=True, slots=True)
class RelayedCheckIn:
    """One item of a relay request, and its place there."""

    index: int
    client_id: ClientId
    org_id: OrgId | None
    check_in: CheckIn


@dataclass(frozen=True, slots=True)
class RelayRejection:
    """An item that was not taken, and why."""

    index: int
    client_id: str | None
    message: str


@dataclass(frozen=True)
class RelayOutcome:
    """What became of a relay request."""

    accepted: int
    duplicates: int
    rejected: Sequence[RelayRejection]
