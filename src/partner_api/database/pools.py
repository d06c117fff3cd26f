"""Connection pools, and what an operator's mistake or a database that is away looks like."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.errors import Unavailable

_logger = logging.getLogger(__name__)

ACQUIRE_SECONDS = 2.0
SILENCE_SECONDS = 5.5
"""When to give up on a server that does not even cancel a statement that takes too long."""

DATABASE_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,
)
"""What asyncpg raises while the server is away, restarting, failing over, full or too slow; all of
it passes, and the same request succeeds later."""

SESSION = {
    "application_name": "partner-api",
    # Milliseconds. A statement that takes this long only holds up others.
    "statement_timeout": "5000",
    "idle_in_transaction_session_timeout": "15000",
}
"""What each connection of a server is set to."""


async def create_pool(
    url: str, *, size: int, settings: Mapping[str, str] | None = None
) -> asyncpg.Pool:
    """A pool that connects when first used, so that a server starts while its database is away."""
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        reset=_reset_nothing,
        timeout=ACQUIRE_SECONDS,
        command_timeout=SILENCE_SECONDS,
        server_settings={**SESSION, **(settings or {})},
    )


@asynccontextmanager
async def acquired(pool: asyncpg.Pool) -> AsyncIterator[PoolConnectionProxy]:
    """A pooled connection; Unavailable when none is free or the database is away."""
    try:
        connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
    except DATABASE_AWAY as error:
        log_refusal(error)
        raise Unavailable("The database is not available; try again shortly") from error
    try:
        yield connection
    except asyncio.CancelledError:
        connection.terminate()
        raise
    except TimeoutError as error:
        # A server that has fallen silent would not answer a rollback either.
        connection.terminate()
        raise Unavailable("The database does not answer; try again shortly") from error
    except DATABASE_AWAY as error:
        log_refusal(error)
        raise Unavailable("The database went away; try again shortly") from error
    finally:
        await pool.release(connection)


def log_refusal(error: BaseException) -> None:
    """Say why, when the server is there and refuses: a timeout, a deadlock, its disk, its limits.

    A client is told no more than to come again.
    """
    is_there = not isinstance(error, asyncpg.PostgresConnectionError)
    if is_there and isinstance(error, asyncpg.PostgresError):
        # The lines that follow may have values in them.
        reason = str(error).partition("\n")[0]
        _logger.warning("PostgreSQL refused: %s (%s)", reason, error.sqlstate)


async def _reset_nothing(_connection: asyncpg.Connection) -> None:
    """Everything is SET LOCAL, and asyncpg rolls back an open transaction before this is called."""
