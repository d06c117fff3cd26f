"""Brings the database up to date, and keeps others from it meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from partner_api.config import Databases
from partner_api.database.partitions import maintain_partitions
from partner_api.database.revisions import applied_revision, is_older
from partner_api.database.roles import ensure_logins, ensure_roles, logins_of

# Any number will do, as long as nothing else takes it: the first eight bytes of "partner!".
UPGRADE_LOCK = int.from_bytes(b"partner!")
"""Held by whoever changes the schema."""

_LOCK_POLL_SECONDS = 0.2


async def upgrade(databases: Databases, now: datetime) -> None:
    """Bring the database to the newest schema, with its roles, logins and partitions.

    Safe to run again, after a run that was killed, and from several processes at once: a lock lets
    one work while the others wait and then find nothing to do. Each migration is done whole or not
    at all; the next run goes on behind the last one that was. The schema of a newer release is left
    as it is. Unavailable, with a migration undone, when something holds a lock for too long.
    """
    url = databases.require_owner()
    async with _connected(url) as owner:
        await lock_schema(owner)
        await ensure_roles(owner)
        if is_older(await applied_revision(owner)):
            # Loaded only now: it is half of what a server would load, and most find nothing to do.
            from partner_api.database.alembic_commands import migrate  # noqa: PLC0415

            await asyncio.to_thread(migrate, url)
        await ensure_logins(owner, logins_of(databases))
        await maintain_partitions(owner, now)


async def lock_schema(connection: asyncpg.Connection) -> None:
    """Wait until nobody else changes the schema, and keep others from it until the end."""
    # Asked again and again: a statement that waits has a snapshot, and an index that is built
    # concurrently waits for every snapshot older than itself.
    while not await connection.fetchval(  # noqa: ASYNC110 - it is the database that tells
        "select pg_try_advisory_lock($1)", UPGRADE_LOCK
    ):
        await asyncio.sleep(_LOCK_POLL_SECONDS)


async def current(owner_url: str) -> str | None:
    """The revision the database stands at, None when it was never migrated."""
    async with _connected(owner_url) as owner:
        return await applied_revision(owner)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
