"""SQLAlchemy's engine beside the pools, apart from them: workers start in half the time without."""

from functools import partial

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from partner_api.database.pools import ACQUIRE_SECONDS, DATABASE_AWAY, SESSION


def create_engine(url: str, *, size: int) -> AsyncEngine:
    """SQLAlchemy's engine on the same database; a connection is tried before each use."""
    connect = partial(asyncpg.connect, url, timeout=ACQUIRE_SECONDS, server_settings=SESSION)
    return create_async_engine(
        "postgresql+asyncpg://",
        # The driver reads the whole URL, sslmode included, as it does for the pools.
        async_creator=connect,
        pool_size=size,
        max_overflow=0,
        pool_timeout=ACQUIRE_SECONDS,
        pool_pre_ping=True,
    )


def database_is_away(error: Exception) -> bool:
    """Whether an error, SQLAlchemy's or the driver's own, says that the database is away."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error.driver_exception, DATABASE_AWAY)
    return isinstance(error, (PoolTimeout, *DATABASE_AWAY))
