"""The first thing said to a server that has just started: make the owner and its database.

Migrations make everything else, as that owner.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from partner_api.database.cluster_secrets import DATABASE, OWNER
from partner_api.database.pools import DATABASE_AWAY
from partner_api.database.roles import scram_verifier
from partner_api.kernel.errors import Misconfigured

TIMEOUT_SECONDS = 10


def prepare(admin_url: str, owner_password: str) -> bool:
    """Log in and make what is missing; False if the server takes no logins yet."""
    # In a thread of its own, since the caller's may have an event loop running.
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, _prepare(admin_url, owner_password)).result()
        except DATABASE_AWAY:
            return False
        except asyncpg.InvalidPasswordError:
            raise Misconfigured(
                "The embedded PostgreSQL refuses the password in database.json: the two do not "
                "belong together."
            ) from None
    return True


async def _prepare(admin_url: str, owner_password: str) -> None:
    connection = await asyncpg.connect(admin_url, timeout=TIMEOUT_SECONDS)
    try:
        await _make_owner(connection, owner_password)
        await _make_database(connection)
    finally:
        await connection.close(timeout=TIMEOUT_SECONDS)


async def _make_owner(connection: asyncpg.Connection, password: str) -> None:
    if not await connection.fetchval("select 1 from pg_roles where rolname = $1", OWNER):
        await connection.execute(
            f"create role {OWNER} login createrole password '{scram_verifier(password)}'"
        )


async def _make_database(connection: asyncpg.Connection) -> None:
    if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
        await connection.execute(f"create database {DATABASE} owner {OWNER}")
