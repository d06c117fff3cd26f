"""Tells whether a database has all migrations of this release."""

import re
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.errors import Misconfigured

_PACKAGE = Path(__file__).parents[1]
_INSTALLED, _CHECKOUT = _PACKAGE / "migrations", _PACKAGE.parents[1] / "migrations"
MIGRATIONS: Final = _INSTALLED if _INSTALLED.exists() else _CHECKOUT
"""Where they are."""
# A day and a revision.
_FILE = re.compile(r"\d{8}_(\d{4}_\w+)\.py")


@cache
def newest_revision() -> str:
    """The revision this code was written for.

    Remembered, because a newer release installed over a running server changes the files and not
    the code that runs.
    """
    found = (_FILE.fullmatch(path.name) for path in (MIGRATIONS / "versions").glob("*.py"))
    newest = max((file[1] for file in found if file), default=None)
    if newest is None:
        raise Misconfigured("no migrations are installed with this package; install it again")
    return newest


async def applied_revision(connection: asyncpg.Connection | PoolConnectionProxy) -> str | None:
    """The revision a connection's database stands at, None when it was never migrated."""
    try:
        revision: str | None = await connection.fetchval("select version_num from alembic_version")
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return None
    return revision


async def check_revision(connection: asyncpg.Connection | PoolConnectionProxy) -> None:
    """Refuse a database older than this code; Misconfigured says what to run.

    A newer one is fine: every migration leaves the release before it working, and revisions are
    numbered, so that their text tells which is newer.
    """
    applied = await applied_revision(connection)
    if is_older(applied):
        raise Misconfigured(
            f"the database stands at revision {applied or 'none'}, this server needs "
            f"{newest_revision()}; run: partner-api db upgrade"
        )


def is_older(applied: str | None) -> bool:
    """Whether a database that stands there lacks something."""
    return applied is None or applied < newest_revision()
