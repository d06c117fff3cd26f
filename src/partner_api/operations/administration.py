"""What the operator does across MSPs, with the owner's login."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import SecretKey
from partner_api.database.engine import create_engine
from partner_api.devices import releases
from partner_api.identity import repository as credentials
from partner_api.identity import service as identity
from partner_api.identity.secrets import msp_of_client_id
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid, NotFound
from partner_api.kernel.ids import MspId, format_msp_id, parse_msp_id, uuid7
from partner_api.msps import repository as msps
from partner_api.msps import service
from partner_api.tenancy.session import TenantSession, tenant_session
from partner_api.webhooks import service as webhooks
from partner_api.webhooks.sealing import Sealer


@dataclass(frozen=True)
class NewMsp:
    """An MSP and its first credential, at the one moment the secret can be shown."""

    msp_id: str
    name: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class CredentialView:
    """A credential without its secret."""

    client_id: str
    enabled: bool
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class ReleaseView:
    """A published version."""

    channel: str
    os: str | None
    version: str
    published_at: datetime


class Administration:
    """The operator's work; needs the owner's URL."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def create_msp(self, name: str) -> NewMsp:
        """A new MSP with a credential."""
        msp_id = MspId(uuid7(self._clock.now()))
        async with tenant_session(self._engine, msp_id) as session:
            await service.create_msp(session, name, self._clock)
            secret = await identity.create_credential(session, msp_id, self._clock)
            await session.commit()
        return NewMsp(format_msp_id(msp_id), name.strip(), secret.client_id, secret.client_secret)

    async def list_msps(self) -> Sequence[tuple[str, str]]:
        """Every MSP's id and name, oldest first."""
        async with self._engine.connect() as connection:
            rows = await msps.list_msps(connection)
        return [(format_msp_id(msp_id), name) for msp_id, name in rows]

    async def create_credential(self, msp: str) -> identity.NewSecret:
        """Another credential for an MSP; NotFound."""
        async with self._of_msp(msp) as session:
            return await identity.create_credential(session, session.msp_id, self._clock)

    async def list_credentials(self, msp: str) -> Sequence[CredentialView]:
        """An MSP's credentials, oldest first; NotFound."""
        async with self._of_msp(msp) as session:
            return [
                CredentialView(row.client_id, row.enabled, row.created_at, row.last_used_at)
                for row in await credentials.list_credentials(session)
            ]

    async def set_credential_enabled(self, client_id: str, *, enabled: bool) -> None:
        """Enable or disable a credential; NotFound. Its tokens follow within five seconds."""
        msp_id = msp_of_client_id(client_id)
        if msp_id is None:
            raise NotFound(f"{client_id!r} is no client id; see: partner-api credential list")
        async with tenant_session(self._engine, msp_id) as session:
            await identity.set_credential_enabled(session, client_id, self._clock, enabled=enabled)
            await session.commit()

    async def reseal_webhooks(self, ring: Sequence[SecretKey]) -> int:
        """Have webhooks' secrets need the ring's first key only; tells of how many they did not.

        Misconfigured when a secret needs a key that is not in the ring.
        """
        sealer, resealed = Sealer(ring), 0
        for msp, _ in await self.list_msps():
            async with self._of_msp(msp) as session:
                resealed += await webhooks.reseal_secrets(session, sealer, self._clock)
        return resealed

    async def publish_release(self, channel: str, version: str, os: str | None) -> None:
        """Publish a version for a channel, and one operating system or all; Conflict."""
        async with self._engine.begin() as connection:
            await releases.publish_release(connection, channel, version, os, self._clock)

    async def list_releases(self) -> Sequence[ReleaseView]:
        """Every release, newest version first within its channel and operating system."""
        async with self._engine.connect() as connection:
            rows = await releases.list_releases(connection)
        return [
            ReleaseView(row.channel, row.os or None, row.version, row.published_at) for row in rows
        ]

    @asynccontextmanager
    async def _of_msp(self, msp: str) -> AsyncIterator[TenantSession]:
        msp_id = parse_msp_id(msp)
        if msp_id is None:
            raise Invalid("An MSP id is msp_ and a lower-case UUID; see: partner-api msp list")
        async with tenant_session(self._engine, msp_id) as session:
            if await msps.get_msp(session) is None:
                raise NotFound(f"There is no {msp}; see: partner-api msp list")
            yield session
            await session.commit()


@asynccontextmanager
async def administration(owner_url: str, clock: Clock) -> AsyncIterator[Administration]:
    """The operator's work on one database."""
    engine = create_engine(owner_url, size=1)
    try:
        yield Administration(engine, clock)
    finally:
        await engine.dispose()
