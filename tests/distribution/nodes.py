"""Databases to distribute: on the embedded PostgreSQL with a stand-in, or on a real Citus.

The variable PARTNER_API_TEST_CITUS_URL holds a superuser's URLs, comma-separated: the
coordinator's, then its workers'.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from partner_api.config import Databases
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.distribution.checks import PREPARED
from partner_api.database.distribution.distribute import distribute
from partner_api.database.distribution.verify import ROLES_THAT_LOG_IN

VARIABLE = "PARTNER_API_TEST_CITUS_URL"
CITUS = [url for url in os.environ.get(VARIABLE, "").split(",") if url]

_PASSWORD = "citus-test"
_LOGINS = ("api", "ingest", "worker", "owner")
_STAND_IN = Path(__file__).with_name("stand_in.sql")


@dataclass(frozen=True)
class Nodes:
    """One database on every node: its logins' URLs, and the superuser's."""

    databases: Databases
    coordinator: str
    workers: Sequence[str] = ()

    async def distribute(self, *, has_backup: bool = True) -> list[str]:
        """Run the command; returns what it said."""
        said: list[str] = []
        await distribute(
            self.coordinator, self.databases, said.append, shards=8, has_backup=has_backup
        )
        return said

    def logins_on_workers(self, role: str) -> Sequence[str]:
        """The URLs of one of the logins, straight to each worker."""
        return [_as(url, f"citus_test_{role}") for url in self.workers]


@asynccontextmanager
async def embedded_nodes(
    cluster: EmbeddedCluster, databases: Databases, name: str
) -> AsyncIterator[Nodes]:
    """A new database on the embedded PostgreSQL; `stand_in` makes it one node of a cluster."""
    owner = urlsplit(databases.require_owner()).username
    await run(cluster.admin_url, f"create database {name} owner {owner}")
    logins = (databases.api, databases.ingest, databases.worker, databases.require_owner())
    here = Databases(*(at(url, name) for url in logins))
    try:
        yield Nodes(here, at(cluster.admin_url, name))
    finally:
        # Roles are the cluster's, and other tests use them too.
        roles = [*(urlsplit(url).username for url in logins), "fleet_functions"]
        resets = [f"alter role {role} reset all" for role in roles]
        await run(cluster.admin_url, f"drop database {name} with (force)", *resets)


async def stand_in(nodes: Nodes) -> None:
    """Make a database look as if Citus were there."""
    await run(
        nodes.coordinator,
        _STAND_IN.read_text(encoding="utf-8"),
        "do $$ begin execute format('alter database %I set search_path = public, stand_in', "
        "current_database()); end $$",
        f"insert into stand_in.answers values ($${PREPARED}$$, 't')",
        f"insert into stand_in.answers values ($${ROLES_THAT_LOG_IN}$$, '2')",
        "set allow_system_table_mods = on",
        "insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, "
        "extversion) values (1, 'citus', 10, 11, false, '14.0-1')",
    )


@asynccontextmanager
async def citus_nodes(name: str) -> AsyncIterator[Nodes]:
    """A new database on every node of a real Citus, without the extension."""
    coordinator, *workers = [at(url, name) for url in CITUS]
    await run(
        CITUS[0],
        "do $$ begin create role citus_test_owner login createrole; "
        "exception when duplicate_object then null; end $$",
        f"alter role citus_test_owner password '{_PASSWORD}'",
    )
    for url in CITUS:
        await run(url, f"drop database if exists {name} with (force)", f"create database {name}")
    await run(CITUS[0], f"alter database {name} owner to citus_test_owner")
    databases = Databases(*(_as(coordinator, f"citus_test_{login}") for login in _LOGINS))
    try:
        yield Nodes(databases, coordinator, workers)
    finally:
        for url in CITUS:
            await run(url, f"drop database {name} with (force)")


async def join(nodes: Nodes) -> None:
    """What an operator does: the extension everywhere, and the workers added."""
    urls = (nodes.coordinator, *nodes.workers)
    for url in urls:
        await run(url, "create extension citus")
    places = [urlsplit(url) for url in urls]
    here, *others = [f"'{place.hostname}', {place.port or 5432}" for place in places]
    added = [f"select citus_add_node({place})" for place in others]
    await run(nodes.coordinator, f"select citus_set_coordinator_host({here})", *added)


async def run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def at(url: str, database: str) -> str:
    """The same login's URL of another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _as(url: str, login: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login}:{_PASSWORD}@{place}"))
