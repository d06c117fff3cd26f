"""This release and the next one, each as code that runs on one database."""

import asyncio
import compileall
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import partner_api
from partner_api.config import Databases
from partner_api.database.migrations import upgrade
from partner_api.database.revisions import newest_revision
from partner_api.kernel.clock import SystemClock
from partner_api.operations.administration import NewMsp, administration
from tests.blackbox.operators_postgres import Settings
from tests.blackbox.server import COMMAND, Server, clean_environment, run_cli

THIS_CODE = Path(partner_api.__file__).parents[1]
NEXT_REVISION = "9999_batteries"
MIGRATION_SECONDS = "MIGRATION_SECONDS"
"""The variable that says how long the next release's migration takes."""

_MIGRATIONS = Path(__file__).parents[2] / "migrations"
# As the next release would have it, but for the pause in which it holds every lock it took.
_MIGRATION = f'''"""Batteries."""

import os

import sqlalchemy as sa
from alembic import op

from partner_api.tenancy.rls import protect

revision = "{NEXT_REVISION}"
down_revision = "{newest_revision()}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("devices", sa.Column("battery", sa.SmallInteger(), nullable=True))
    op.create_table(
        "batteries",
        sa.Column("msp_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("msp_id", "client_id", name=op.f("batteries_pkey")),
        sa.ForeignKeyConstraint(
            ["msp_id", "client_id"],
            ["devices.msp_id", "devices.client_id"],
            name=op.f("batteries_msp_id_client_id_fkey"),
        ),
    )
    protect("batteries", api="select")
    op.execute(f"select pg_sleep({{os.environ.get('{MIGRATION_SECONDS}', '0')}})")
'''


@dataclass(frozen=True)
class Release:
    """Code in a folder, and the database it works on."""

    code: Path
    settings: Settings
    data_dir: Path
    """For the embedded database; servers keep their output beside it."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return run_cli(self.data_dir, *arguments, **self._variables)

    def begin(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Begin a command."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(**self._variables, **variables),
        )

    def server(self, *options: str, **variables: str) -> Server:
        """A server that is not started yet."""
        return Server(
            self.data_dir, ("serve", *options), variables={**self._variables, **variables}
        )

    def package(self) -> Path:
        """Where Python finds the package when it runs this release."""
        found = subprocess.run(
            [sys.executable, "-c", "import partner_api; print(partner_api.__file__)"],
            capture_output=True,
            text=True,
            env=clean_environment(**self._variables),
            check=True,
        )
        return Path(found.stdout.strip()).parent

    @property
    def _variables(self) -> dict[str, str]:
        # Python looks there before it looks where this checkout is installed.
        return {**self.settings, "PYTHONPATH": str(self.code)}


def prepare(settings: Settings) -> NewMsp:
    """Migrate an empty database as this release does, and create an MSP in it.

    In this process, because two commands of their own would take seconds to start.
    """
    names = ("DATABASE", "INGEST", "WORKER", "OWNER")
    return asyncio.run(_prepare(Databases(*(settings[f"PARTNER_API_{n}_URL"] for n in names))))


def install(folder: Path) -> Path:
    """This release as a wheel installs it, migrations inside the package; where it is."""
    package, compiled = folder / "partner_api", shutil.ignore_patterns("__pycache__")
    shutil.copytree(THIS_CODE / "partner_api", package, ignore=compiled)
    shutil.copytree(_MIGRATIONS, package / "migrations", ignore=compiled)
    # As an installer does, or processes started at once would all do it.
    compileall.compile_dir(package, quiet=1)
    return folder


def make_next_release(code: Path) -> None:
    """Make an installed release the next one, which has one more migration."""
    versions = code / "partner_api" / "migrations" / "versions"
    (versions / f"20991231_{NEXT_REVISION}.py").write_text(_MIGRATION)


async def _prepare(databases: Databases) -> NewMsp:
    clock = SystemClock()
    await upgrade(databases, clock.now())
    async with administration(databases.require_owner(), clock) as operator:
        return await operator.create_msp("Upgraded MSP")
