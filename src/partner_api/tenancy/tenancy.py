"""The way to a tenant's rows: through SQLAlchemy, through SQL text, or through the one door.

Both ways take their connection here, so the tenant is bound whichever is used. Whoever wants to
look something up before the tenant is verified goes through `Tenancy.claimed` or
`Tenancy.claimed_reading`, and gives a reason.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.database.pools import acquired
from partner_api.kernel.ids import MspId
from partner_api.kernel.metrics import POOL_CONNECTIONS
from partner_api.tenancy.session import TenantSession, tenant_session

# One snapshot for all statements: a page and its total speak of the same moment.
_BEGIN = "begin isolation level repeatable read read only"


class Claim(StrEnum):
    """Why a tenant may be bound that no verified token named yet. A test lists all of these.

    In each case the caller sent a secret that names its MSP; under that claim one row is read by
    key, and nothing else happens unless the secret's hash is the one stored there.
    """

    ENROLLMENT = "an enrollment token names its MSP"
    TOKEN_REQUEST = "a client id names its MSP"


class Tenancy:
    """Opens connections and sessions that see one MSP and no other."""

    def __init__(self, engine: AsyncEngine, pool: asyncpg.Pool) -> None:
        self._engine = engine
        self._pool = pool

    @asynccontextmanager
    async def reading(self, msp_id: MspId) -> AsyncIterator[PoolConnectionProxy]:
        """A read-only transaction for prepared SQL; begins and binds in one round trip."""
        async with acquired(self._pool) as connection:
            # SET takes no bind parameter; an MspId is a UUID object, so its text is safe.
            await connection.execute(f"{_BEGIN}; set local app.msp_id = '{msp_id}'")
            try:
                with POOL_CONNECTIONS.labels("api").track_inprogress():
                    yield connection
            except (TimeoutError, asyncio.CancelledError):
                # The connection is given up, see `acquired`; whatever we said now would wait.
                raise
            except BaseException:
                await connection.execute("rollback")
                raise
            await connection.execute("commit")

    def claimed_reading(
        self, msp_id: MspId, _reason: Claim
    ) -> AbstractAsyncContextManager[PoolConnectionProxy]:
        """As `reading`, for an MSP that a still unverified secret names."""
        return self.reading(msp_id)

    def session(self, msp_id: MspId) -> TenantSession:
        """A unit of work for a verified MSP; the edge that opened it commits."""
        return tenant_session(self._engine, msp_id)

    def claimed(self, msp_id: MspId, _reason: Claim) -> TenantSession:
        """A unit of work for an MSP that a still unverified secret names."""
        return tenant_session(self._engine, msp_id)
