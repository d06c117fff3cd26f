"""`partner-api backup` and `partner-api restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from partner_api.commands.opened import opened
from partner_api.commands.output import announce
from partner_api.kernel.clock import SystemClock
from partner_api.operations.backup.create import backup as write_backup
from partner_api.operations.backup.restore import restore as restore_backup

app = typer.Typer()


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The archive to write.")]) -> None:
    """Write everything in the database to one archive; servers go on meanwhile."""
    with opened() as (_, databases, _cluster):
        asyncio.run(write_backup(databases, file, SystemClock().now(), announce))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the database holds.")] = False,
) -> None:
    """Make the database what it was when the archive was written; stop servers before."""
    with opened() as (_, databases, _cluster):
        now = SystemClock().now()
        asyncio.run(restore_backup(databases, file, now, announce, replace=yes))
