"""Credentials: exchanged for tokens, regenerated, disabled."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from partner_api.events.recording import record
from partner_api.events.types import EventType
from partner_api.identity.guessing import GuessDelay
from partner_api.identity.models import Credential
from partner_api.identity.repository import USE_IS_NOTED_EVERY, get_credential, touch_credential
from partner_api.identity.secrets import (
    hash_secret,
    msp_of_client_id,
    new_client_id,
    new_client_secret,
)
from partner_api.identity.tokens import LIFETIME, AccessTokens, invalid_token
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid, NotFound, Unauthenticated
from partner_api.kernel.ids import MspId
from partner_api.kernel.next_flight import NextFlight
from partner_api.tenancy.principal import DOCUMENTED_SCOPES, Principal, Scope
from partner_api.tenancy.session import TenantSession
from partner_api.tenancy.tenancy import Claim, Tenancy

# Programs ask for tokens all the time: read by one prepared statement.
_CREDENTIAL = """
    select secret_hash, previous_hash, previous_until, scopes, enabled, last_used_at
      from credentials where msp_id = $1 and client_id = $2"""
# Compared with when there is no such credential, so that the answer takes as long.
_NO_HASH = bytes(32)


class InvalidClient(Unauthenticated):
    """The client id or its secret is wrong, or the credential is disabled."""


class InvalidScope(Invalid):
    """The token request asks for more than the credential has."""


@dataclass(frozen=True)
class IssuedToken:
    """An access token and what it allows."""

    access_token: str
    expires_in_seconds: int
    scopes: Sequence[Scope]


@dataclass(frozen=True)
class NewSecret:
    """A secret at the one moment it can be shown."""

    client_id: str
    client_secret: str


class Identity:
    """Proves who a caller is."""

    def __init__(
        self, tenancy: Tenancy, tokens: AccessTokens, guesses: GuessDelay, clock: Clock
    ) -> None:
        self._tenancy = tenancy
        self._tokens = tokens
        self._guesses = guesses
        self._clock = clock
        self._reads: NextFlight[str, Record | None] = NextFlight()

    async def issue_token(
        self, client_id: str, client_secret: str, wanted: Sequence[str] | None
    ) -> IssuedToken:
        """Exchange a credential for a token, narrowed to the `wanted` scopes when any are named.

        Raises InvalidClient, later the more often it did lately for this client id, or
        InvalidScope for a scope the credential does not have.
        """
        try:
            return await self._exchange(client_id, client_secret, wanted)
        except InvalidClient:
            await self._guesses.punish(client_id)
            raise

    async def _exchange(
        self, client_id: str, client_secret: str, wanted: Sequence[str] | None
    ) -> IssuedToken:
        msp_id = msp_of_client_id(client_id)
        if msp_id is None:
            raise InvalidClient("Invalid client credentials")
        row = await self._reads.get(client_id, lambda: self._read(msp_id, client_id))
        now = self._clock.now()
        credential = _proven(row, client_secret, now)
        scopes = _narrowed(credential, wanted)
        if _was_idle(credential["last_used_at"], now):
            async with self._tenancy.session(msp_id) as session:
                await touch_credential(session, client_id, now)
                await session.commit()
        principal = Principal(msp_id, client_id, frozenset(scopes))
        token = self._tokens.issue(principal)
        return IssuedToken(token, int(LIFETIME.total_seconds()), scopes)

    async def _read(self, msp_id: MspId, client_id: str) -> Record | None:
        async with self._tenancy.claimed_reading(msp_id, Claim.TOKEN_REQUEST) as connection:
            return await connection.fetchrow(_CREDENTIAL, msp_id, client_id)


async def require_credential(session: TenantSession, client_id: str) -> Credential:
    """One of the MSP's credentials; NotFound when there is none by that id."""
    credential = await get_credential(session, client_id)
    if credential is None:
        raise NotFound("Credential not found")
    return credential


async def regenerate_secret(
    session: TenantSession, principal: Principal, overlap: timedelta, clock: Clock
) -> NewSecret:
    """Replace the caller's own secret; the old one dies when this commits, or after `overlap`."""
    credential = await get_credential(session, principal.credential_id)
    if credential is None:
        raise invalid_token()
    secret = new_client_secret()
    credential.previous_hash = credential.secret_hash if overlap else None
    credential.previous_until = clock.now() + overlap if overlap else None
    credential.secret_hash = hash_secret(secret)
    await _record(session, EventType.CREDENTIAL_REGENERATED, credential, clock)
    return NewSecret(credential.client_id, secret)


async def create_credential(session: TenantSession, msp_id: MspId, clock: Clock) -> NewSecret:
    """A new credential with the document's four scopes."""
    new = NewSecret(new_client_id(msp_id), new_client_secret())
    credential = Credential(
        client_id=new.client_id,
        secret_hash=hash_secret(new.client_secret),
        scopes=list(DOCUMENTED_SCOPES),
        enabled=True,
        created_at=clock.now(),
    )
    session.add(credential)
    await session.flush()
    await _record(session, EventType.CREDENTIAL_CREATED, credential, clock)
    return new


async def set_credential_enabled(
    session: TenantSession, client_id: str, clock: Clock, *, enabled: bool
) -> None:
    """Enable or disable a credential; its tokens follow within five seconds."""
    credential = await require_credential(session, client_id)
    if credential.enabled and not enabled:
        await _record(session, EventType.CREDENTIAL_DISABLED, credential, clock)
    credential.enabled = enabled


async def _record(
    session: TenantSession, event: EventType, credential: Credential, clock: Clock
) -> None:
    facts = {"clientId": credential.client_id, "scopes": list(credential.scopes)}
    await record(session, event, clock.now(), {"credential": facts})


def _proven(credential: Record | None, secret: str, now: datetime) -> Record:
    given = hash_secret(secret)
    stored, previous = _stored_hashes(credential, now)
    matches = hmac.compare_digest(given, stored) | hmac.compare_digest(given, previous)
    if credential is None or not matches or not credential["enabled"]:
        raise InvalidClient("Invalid client credentials")
    return credential


def _stored_hashes(credential: Record | None, now: datetime) -> tuple[bytes, bytes]:
    if credential is None:
        return _NO_HASH, _NO_HASH
    until, previous = credential["previous_until"], credential["previous_hash"]
    alive = until is not None and now < until
    return credential["secret_hash"], (previous if alive else None) or _NO_HASH


def _was_idle(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or last_used_at <= now - USE_IS_NOTED_EVERY


def _narrowed(credential: Record, wanted: Sequence[str] | None) -> Sequence[Scope]:
    held = [Scope(scope) for scope in credential["scopes"]]
    if wanted is None:
        return held
    if not wanted or not set(wanted) <= set(held):
        raise InvalidScope(f"scope must be among: {' '.join(held)}")
    return [scope for scope in held if scope in wanted]
