"""Whether a verified token's credential is still enabled, asked of the database every few seconds.

A token is good for an hour, a disabled credential's must die within five seconds. Each process
asks at most every two seconds per credential, so another process's change is seen in time.
"""

import asyncio
import time
from collections.abc import Hashable

from partner_api.identity.tokens import invalid_token
from partner_api.tenancy.principal import Principal
from partner_api.tenancy.tenancy import Tenancy

FRESH_SECONDS = 2.0

_ENABLED = "select enabled from credentials where msp_id = $1 and client_id = $2"


class CredentialLiveness:
    """Remembers for a moment which credentials are enabled; one query at a time for each."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._known: dict[Hashable, tuple[float, bool]] = {}
        self._asking: dict[Hashable, asyncio.Task[bool]] = {}

    async def require_enabled(self, principal: Principal) -> None:
        """Unauthenticated when the credential was disabled or is gone."""
        asked_at, enabled = self._known.get(principal.credential_id, (-FRESH_SECONDS, False))
        if time.monotonic() - asked_at >= FRESH_SECONDS:
            enabled = await self._ask(principal)
        if not enabled:
            raise invalid_token()

    async def _ask(self, principal: Principal) -> bool:
        key = principal.credential_id
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._read(principal))
            self._asking[key].add_done_callback(lambda _: self._asking.pop(key))
        # One caller going away must not cancel the answer the others wait for.
        return await asyncio.shield(self._asking[key])

    async def _read(self, principal: Principal) -> bool:
        asked_at = time.monotonic()
        async with self._tenancy.reading(principal.msp_id) as connection:
            enabled = bool(
                await connection.fetchval(_ENABLED, principal.msp_id, principal.credential_id)
            )
        self._forget_stale(asked_at)
        self._known[principal.credential_id] = (asked_at, enabled)
        return enabled

    def _forget_stale(self, now: float) -> None:
        if len(self._known) > 10_000:
            self._known = {
                key: seen for key, seen in self._known.items() if now - seen[0] < FRESH_SECONDS
            }
