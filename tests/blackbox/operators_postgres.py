"""A PostgreSQL of the operator's own, with as many databases as tests ask for."""

import asyncio
import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from partner_api.database.cluster import EmbeddedCluster

_LOGINS = {"DATABASE": "app", "INGEST": "app_ingest", "WORKER": "app_worker", "OWNER": "operator"}
_PASSWORD = "chosen-by-the-operator"

Settings = dict[str, str]
"""Environment variables that say where one database is."""


@dataclass(frozen=True)
class OperatorsPostgres:
    """A server whose owner of every database may make logins, as docs/production.md asks."""

    admin_url: str

    def create_database(self, name: str) -> Settings:
        """Make an empty database; every setting that a server and `db upgrade` need for it."""
        self.ask("postgres", f"create database {name} owner operator")
        tail = f"{name}?{self.admin_url.partition('?')[2]}"
        key = base64.b64encode(os.urandom(32)).decode()
        urls = {
            f"PARTNER_API_{setting}_URL": f"postgresql://{login}:{_PASSWORD}@/{tail}"
            for setting, login in _LOGINS.items()
        }
        return {**urls, "PARTNER_API_SECRET_KEYS": f"k1:{key}"}

    def ask(self, database: str, statement: str) -> Any:
        """Execute a statement as the superuser; the first value it returns."""
        return asyncio.run(_ask(self.admin_url, database, statement))

    @contextmanager
    def reading(self, database: str, table: str) -> Iterator[None]:
        """Hold the lock that a backup or a long query holds."""
        with asyncio.Runner() as runner:
            connection = runner.run(_connect(self.admin_url, database))
            try:
                runner.run(connection.execute("begin"))
                runner.run(connection.execute(f"lock table {table} in access share mode"))
                yield
            finally:
                runner.run(connection.close())


def count_migrations(admin_url: str, database: str) -> int:
    """How often a migration noted its revision in a database, or tried to."""
    statistics = "pg_stat_user_tables where relname = 'alembic_version'"
    count: int = asyncio.run(
        _ask(admin_url, database, f"select n_tup_ins + n_tup_upd from {statistics}")
    )
    return count


@contextmanager
def operators_postgres(folder: Path) -> Iterator[OperatorsPostgres]:
    """Run one in a folder that other accounts may pass through."""
    cluster = EmbeddedCluster(folder / "operators")
    with cluster.join():
        postgres = OperatorsPostgres(cluster.admin_url)
        # Nothing here tries a crash of PostgreSQL, and so many files take long to reach a disk.
        postgres.ask("postgres", "alter system set fsync to off")
        postgres.ask("postgres", "select pg_reload_conf()")
        owner = f"create role operator login createrole password '{_PASSWORD}'"
        postgres.ask("postgres", owner)
        yield postgres


async def _ask(admin_url: str, database: str, statement: str) -> Any:
    connection = await _connect(admin_url, database)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _connect(admin_url: str, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(admin_url, database=database)
