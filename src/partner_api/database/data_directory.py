"""PostgreSQL's data directory: made once by `initdb`, and of version 18 ever after."""

import shutil
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

from partner_api.database.binaries import find_binaries
from partner_api.database.cluster_layout import Layout
from partner_api.kernel.errors import Misconfigured

VERSION = "18"

# Text sorts by code point everywhere, so no index depends on the machine's C library.
OPTIONS = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)


def make_data_directory(layout: Layout, password: str) -> None:
    """Make it under another name first, so that one cut short is never taken for a whole one."""
    fresh = layout.home / "postgres.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    layout.account.give(fresh)
    _run_initdb(layout, fresh, password)
    _set_aside(layout.pgdata)
    fresh.rename(layout.pgdata)
    _link(layout)


def require_version(pgdata: Path) -> None:
    """Refuse a data directory these programs cannot read."""
    file = pgdata / "PG_VERSION"
    if not file.exists():
        raise Misconfigured(f"{pgdata} is there, and is no data directory of PostgreSQL's.")
    found = file.read_text().strip()
    if found != VERSION:
        raise Misconfigured(
            f"{pgdata} was made by PostgreSQL {found}, and this server brings {VERSION}. Dump it "
            f"with PostgreSQL {found}, move it away, and restore it here."
        )


def _run_initdb(layout: Layout, folder: Path, password: str) -> None:
    program = find_binaries(layout.account) / "initdb"
    # Beside the folder, since that is where the account can surely read it.
    with NamedTemporaryFile("w", dir=layout.home) as secret:
        layout.account.give(secret.fileno())
        secret.write(password)
        secret.flush()
        done = subprocess.run(
            [program, *OPTIONS, f"--pwfile={secret.name}", f"--pgdata={folder}"],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **layout.account.subprocess_arguments(),
        )
    if done.returncode != 0:
        raise Misconfigured(f"The embedded PostgreSQL cannot be made:\n{done.stdout.strip()}")


def _set_aside(pgdata: Path) -> None:
    """Move what a data directory removed without its link's target has left behind.

    Its passwords are gone, but its rows need not be: one such leftover is kept.
    """
    if pgdata.exists():
        previous = pgdata.with_name("postgres.previous")
        if previous.exists():
            shutil.rmtree(previous)
        pgdata.rename(previous)


def _link(layout: Layout) -> None:
    link = layout.data_dir / "postgres"
    if layout.home != layout.data_dir:
        link.unlink(missing_ok=True)
        link.symlink_to(layout.pgdata)
