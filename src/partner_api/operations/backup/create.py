"""`partner-api backup`: one snapshot of the database, proven to be whole before it has a name."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from partner_api.config import Databases
from partner_api.database.revisions import applied_revision
from partner_api.kernel.errors import Conflict
from partner_api.operations.backup.archive import write_archive
from partner_api.operations.backup.manifest import Manifest
from partner_api.operations.backup.programs import Programs, find_programs
from partner_api.operations.backup.rows import count_rows, require_whole_view

_PATIENT = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}


async def backup(
    databases: Databases, target: Path, now: datetime, announce: Callable[[str], None]
) -> None:
    """Write everything in the database, as it stood at one instant, to the target.

    Servers go on meanwhile. The file appears when it is whole and has been read back; with it goes
    no password and no token, only hashes, and not the keys that sign.
    """
    url = databases.require_owner()
    async with _snapshot(url) as (owner, snapshot):
        programs = await find_programs(owner, url)
        await require_whole_view(owner)
        manifest = await _describe(owner, now)
        await asyncio.to_thread(_write, programs, snapshot, manifest, target, announce)


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    """A transaction that sees one instant, and the name by which pg_dump sees the same."""
    # Counting may take longer than the server lets anybody else take.
    owner = await asyncpg.connect(url, server_settings=_PATIENT)
    try:
        # The worker's DROP of an old partition would wait for us to end, and every log line for
        # the DROP. Behind this lock it waits before it holds anything.
        await owner.execute("select pg_advisory_lock_shared(hashtext('maintain_partitions'))")
        async with owner.transaction(isolation="repeatable_read", readonly=True):
            yield owner, await owner.fetchval("select pg_export_snapshot()")
    finally:
        await owner.close()


async def _describe(owner: asyncpg.Connection, now: datetime) -> Manifest:
    revision = await applied_revision(owner)
    if revision is None:
        raise Conflict("There is nothing to back up: the database was never migrated")
    return Manifest(
        created_at=now,
        server_version=await owner.fetchval("show server_version"),
        owner=await owner.fetchval("select current_user"),
        revision=revision,
        rows=await count_rows(owner),
    )


def _write(
    programs: Programs,
    snapshot: str,
    manifest: Manifest,
    target: Path,
    announce: Callable[[str], None],
) -> None:
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        dump = Path(folder) / "database.dump"
        announce(f"Writing {manifest.row_count:,} rows of {len(manifest.rows)} tables")
        _dump(programs, snapshot, dump)
        announce("Reading them back")
        _require_rows(programs, dump, manifest.rows)
        size = write_archive(target, manifest, dump)
    announce(f"{target} is whole: {size:,} bytes")


def _dump(programs: Programs, snapshot: str, dump: Path) -> None:
    # Row security stays on, for the owner is bound by it and has a policy that shows everything.
    command = programs.command(
        "pg_dump",
        programs.database,
        "--format=custom",
        "--enable-row-security",
        "--exclude-extension=*",
        f"--snapshot={snapshot}",
        f"--file={dump}",
    )
    done = subprocess.run(
        command, env=programs.environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Conflict(f"The backup failed: {done.stderr.strip()}")


def _require_rows(programs: Programs, dump: Path, expected: Mapping[str, int]) -> None:
    command = programs.command("pg_restore", "--data-only", "--file=-", str(dump))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        found = _count_rows(reading.stdout)
    if reading.returncode != 0 or found != expected:
        raise Conflict("The backup failed: what was written is not what the database holds")


def _count_rows(script: Iterable[bytes]) -> Mapping[str, int]:
    """The rows of each COPY; a row is a line, for COPY escapes what would break one."""
    rows: dict[str, int] = {}
    table: str | None = None
    for line in script:
        if table is None:
            if begins := _COPY.match(line):
                table = begins[1].decode()
                rows[table] = 0
        elif line == b"\\.\n":
            table = None
        else:
            rows[table] += 1
    return rows


_COPY = re.compile(rb"COPY public\.(\w+) \(")
