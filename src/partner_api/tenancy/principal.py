"""Who is calling, as a verified token said it."""

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from partner_api.kernel.errors import Forbidden
from partner_api.kernel.ids import ClientId, MspId


class Scope(StrEnum):
    """What a token may do."""

    ANALYTICS_READ = "analytics:read"
    FLEET_READ = "fleet:read"
    ORGS_READ = "orgs:read"
    ORGS_WRITE = "orgs:write"


DOCUMENTED_SCOPES = (Scope.FLEET_READ, Scope.ANALYTICS_READ, Scope.ORGS_READ, Scope.ORGS_WRITE)
"""A new credential's scopes, in the order the Partner API document writes them."""


@dataclass(frozen=True)
class Principal:
    """An integrator's program: one credential of one MSP."""

    msp_id: MspId
    credential_id: str
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Forbidden unless the token carries `scope`."""
        if scope not in self.scopes:
            raise Forbidden(f"This token lacks the scope {scope}")

    def require_msp(self, msp_id: MspId) -> None:
        """Forbidden when a request names any MSP but the token's, whether it exists or not."""
        if msp_id != self.msp_id:
            raise Forbidden("Access denied: the token belongs to another MSP")


class DevicePrincipal(Struct, frozen=True):
    """A device's agent. The hash is compared where it writes, so this alone proves nothing yet."""

    msp_id: MspId
    client_id: ClientId
    token_hash: bytes
