"""`partner-api restore`: an archive takes the place of what the database holds, or nothing does."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import asyncpg
import msgspec

from partner_api.config import Databases
from partner_api.database.migrations import upgrade
from partner_api.database.revisions import newest_revision
from partner_api.database.roles import ensure_roles
from partner_api.database.sources import sql_file
from partner_api.kernel.errors import Conflict
from partner_api.operations.backup.archive import open_archive
from partner_api.operations.backup.manifest import Manifest
from partner_api.operations.backup.programs import Programs, find_programs
from partner_api.operations.backup.rows import tables_in_use

_SQL = "operations/backup/sql"


async def restore(
    databases: Databases,
    source: Path,
    now: datetime,
    announce: Callable[[str], None],
    *,
    replace: bool = False,
) -> None:
    """Make the database what it was when the archive was written, then bring it up to date.

    One transaction: when anything is wrong, the database stays as it was. Conflict when it holds
    rows and `replace` is not said; Invalid when the archive is damaged.
    """
    url = databases.require_owner()
    with open_archive(source) as (manifest, dump):
        announce(f"{source} is whole; it was written {manifest.created_at:%Y-%m-%d %H:%M} UTC")
        _require_known(manifest)
        programs = await _prepare(url, replace=replace)
        announce(f"Restoring {manifest.row_count:,} rows of {len(manifest.rows)} tables")
        await asyncio.to_thread(_load, programs, manifest, dump)
    announce("Every table has its rows; bringing the database up to date")
    await upgrade(databases, now)


def _require_known(manifest: Manifest) -> None:
    # Revisions begin with a number of fixed length, so their text has their order.
    if manifest.revision > newest_revision():
        raise Conflict(
            f"The archive stands at revision {manifest.revision}, and this server knows none "
            f"after {newest_revision()}. Restore it with the version that wrote it, or a newer one."
        )


async def _prepare(url: str, *, replace: bool) -> Programs:
    owner = await asyncpg.connect(url)
    try:
        in_use = await tables_in_use(owner)
        if in_use and not replace:
            raise Conflict(
                f"The database holds rows already, in {', '.join(in_use)}. With --yes they are "
                "lost, and the archive's take their place."
            )
        await ensure_roles(owner)
        return await find_programs(owner, url)
    finally:
        await owner.close()


def _load(programs: Programs, manifest: Manifest, dump: IO[bytes]) -> None:
    """Run the archive's script between two of ours, in one transaction."""
    with TemporaryFile() as complaints:
        with _psql(programs, complaints) as psql:
            is_whole = _feed(psql, programs, manifest, dump, complaints)
        if psql.returncode != 0 or not is_whole:
            raise Conflict(f"The database stays as it was, for this failed: {_first(complaints)}")


def _psql(programs: Programs, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        programs.command(
            "psql", programs.database, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"
        ),
        env=programs.environment,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
    )


def _feed(
    psql: subprocess.Popen[bytes],
    programs: Programs,
    manifest: Manifest,
    dump: IO[bytes],
    complaints: IO[bytes],
) -> bool:
    """Whether everything was said; without the last words psql ends and commits nothing."""
    assert psql.stdin is not None
    with suppress(BrokenPipeError):  # psql ended early, and its complaint tells why
        psql.stdin.write(_opening(manifest))
        if _pour(programs, dump, psql.stdin, complaints):
            psql.stdin.write(_closing())
            return True
    return False


def _pour(programs: Programs, dump: IO[bytes], psql: IO[bytes], complaints: IO[bytes]) -> bool:
    """Send the dump to psql as a script; whether all of it could be read."""
    with subprocess.Popen(
        programs.command("pg_restore", "--file=-"),
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=psql,
        stderr=complaints,
    ) as reading:
        assert reading.stdin is not None
        with suppress(BrokenPipeError):
            shutil.copyfileobj(dump, reading.stdin)
    return reading.returncode == 0


def _opening(manifest: Manifest) -> bytes:
    known = {
        "archive_owner": manifest.owner,
        "revision": manifest.revision,
        "rows": msgspec.json.encode(manifest.rows).decode(),
    }
    lines = [f"set local partner_api.{name} = {_quoted(text)};" for name, text in known.items()]
    return "\n".join(["begin;", *lines, sql_file(f"{_SQL}/clear.sql")]).encode()


def _closing() -> bytes:
    return (sql_file(f"{_SQL}/settle.sql") + "commit;\n").encode()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").splitlines()
    return next((line for line in lines if "ERROR" in line or "error" in line), "; ".join(lines))
