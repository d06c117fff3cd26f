"""PostgreSQL's client programs: those that come with the server, or newer ones on PATH."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from partner_api.config import PREFIX
from partner_api.database.binaries import find_binaries
from partner_api.database.roles import MINIMUM_VERSION
from partner_api.database.system_user import Account
from partner_api.kernel.errors import Misconfigured


@dataclass(frozen=True)
class Programs:
    """A folder of programs, and the database they are to reach."""

    folder: Path
    url: str

    def command(self, name: str, *arguments: str) -> list[str]:
        """One of the programs."""
        return [str(self.folder / name), *arguments]

    @property
    def database(self) -> str:
        """The argument that names the database; no password, for all the machine can read it."""
        parts = urlsplit(self.url)
        user, _, host = parts.netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}@{host}"
        return f"--dbname={parts._replace(netloc=netloc).geturl()}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Ours, without our settings, and with the password."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        password = urlsplit(self.url).password
        return kept if password is None else {**kept, "PGPASSWORD": unquote(password)}


async def find_programs(owner: asyncpg.Connection, url: str) -> Programs:
    """Programs that speak with this connection's server; Misconfigured says what to install."""
    needed = max(MINIMUM_VERSION, owner.get_server_version().major)
    # Ours are built without TLS, and would leave what this connection keeps secret in the open.
    is_encrypted = await owner.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    folders = [*_on_path()] if is_encrypted else [*_bundled(), *_on_path()]
    for folder in folders:
        if _major_version(folder / "pg_dump") >= needed:
            return Programs(folder, url)
    found = ", ".join(f"{_major_version(folder / 'pg_dump')} in {folder}" for folder in folders)
    raise Misconfigured(
        f"pg_dump, pg_restore and psql of PostgreSQL {needed} or newer are needed on PATH; "
        f"found: {found or 'none'}"
    )


def _bundled() -> Iterator[Path]:
    try:
        yield find_binaries(Account(os.geteuid(), os.getegid()))
    except Misconfigured:
        return


def _on_path() -> Iterator[Path]:
    if found := shutil.which("pg_dump"):
        yield Path(found).parent


def _major_version(program: Path) -> int:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\d+", done.stdout)
    return int(number[0]) if number else 0
