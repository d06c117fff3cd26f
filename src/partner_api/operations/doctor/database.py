"""What can be wrong with the database: who may log in, and what is behind the door."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from partner_api.config import Databases
from partner_api.database.pools import DATABASE_AWAY
from partner_api.database.revisions import check_revision
from partner_api.database.roles import MINIMUM_VERSION, Role, check_login
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Misconfigured, Unavailable
from partner_api.operations.doctor.catalog import (
    examine_clock,
    examine_partitions,
    examine_row_security,
)
from partner_api.operations.doctor.findings import Finding, fail, ok

_PATIENCE_SECONDS = 5


async def examine_database(databases: Databases, clock: Clock) -> Sequence[Finding]:
    """Every login by itself, then the database as the first of them that gets in sees it."""
    return [
        await _examine_login(databases.api, Role.API),
        await _examine_login(databases.ingest, Role.INGEST),
        await _examine_login(databases.worker, Role.WORKER),
        await _examine_owner(databases.owner),
        *await _examine_inside(databases, clock),
    ]


async def _examine_login(url: str, role: Role) -> Finding:
    subject = f"login of {role.removeprefix('fleet_')}"
    try:
        async with _connected(url) as connection:
            await check_login(connection, role)
            name = await connection.fetchval("select current_user")
    except (Misconfigured, Unavailable) as error:
        return fail(subject, error.message)
    return ok(subject, f"{name} is a member of {role} and of nothing else")


async def _examine_owner(url: str | None) -> Finding:
    subject = "login of owner"
    if url is None:
        return ok(subject, "not set here; only db upgrade and administration need it")
    try:
        async with _connected(url) as connection:
            is_able = await connection.fetchval(_OWNER_IS_ABLE)
    except Unavailable as error:
        return fail(subject, error.message)
    if not is_able:
        return fail(
            subject, "has to own the database and to have CREATEROLE, or db upgrade will fail"
        )
    return ok(subject, "owns the database and may make roles")


async def _examine_inside(databases: Databases, clock: Clock) -> Sequence[Finding]:
    for url in filter(None, (databases.api, databases.owner)):
        try:
            async with _connected(url) as connection:
                return [
                    _examine_version(connection),
                    await _examine_revision(connection),
                    await examine_row_security(connection),
                    await examine_partitions(connection, clock),
                    await examine_clock(connection, clock),
                ]
        except Unavailable:
            continue
    return [fail("database", "nobody gets in, so nothing more is known of it")]


def _examine_version(connection: asyncpg.Connection) -> Finding:
    found = f"PostgreSQL {connection.get_settings().server_version}"
    if connection.get_server_version().major < MINIMUM_VERSION:
        return fail("version", f"{found} is too old; move to {MINIMUM_VERSION} or newer")
    return ok("version", found)


async def _examine_revision(connection: asyncpg.Connection) -> Finding:
    try:
        await check_revision(connection)
    except Misconfigured as error:
        return fail("migrations", error.message)
    return ok("migrations", "the schema is this version's")


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(url, timeout=_PATIENCE_SECONDS)
    except DATABASE_AWAY as error:
        raise Unavailable(
            f"no answer ({error or type(error).__name__}); is PostgreSQL running, and are host "
            "and port of the URL right?"
        ) from error
    except asyncpg.PostgresError as error:
        raise Unavailable(
            f"{error}; db upgrade makes the logins as their URLs name them"
        ) from error
    try:
        yield connection
    finally:
        await connection.close(timeout=_PATIENCE_SECONDS)


_OWNER_IS_ABLE = """
select r.rolsuper or (r.rolcreaterole and d.datdba = r.oid)
  from pg_roles r, pg_database d
 where r.rolname = current_user and d.datname = current_database()"""
