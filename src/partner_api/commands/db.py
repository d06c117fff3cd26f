"""`partner-api db …`: the database, and its schema."""

import asyncio
from typing import Annotated

import typer

from partner_api.commands.opened import opened
from partner_api.commands.output import announce
from partner_api.database import migrations
from partner_api.database.distribution.distribute import distribute as distribute_tables
from partner_api.database.distribution.distribute import show_plan
from partner_api.database.revisions import newest_revision
from partner_api.kernel.clock import SystemClock
from partner_api.kernel.errors import Misconfigured

app = typer.Typer(name="db", help="The database: migrate it, look at it.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Bring the database to the newest schema and make the logins the URLs name."""
    with opened() as (_, databases, _cluster):
        asyncio.run(migrations.upgrade(databases, SystemClock().now()))
        revision = asyncio.run(migrations.current(databases.require_owner()))
        typer.echo(f"The database stands at {revision}")


@app.command()
def current() -> None:
    """Print the schema's revision; exit code 1 when it is older than this version's."""
    with opened() as (_, databases, _cluster):
        revision = asyncio.run(migrations.current(databases.require_owner()))
    newest = newest_revision()
    typer.echo(revision or "not migrated")
    if revision is None or revision < newest:
        typer.echo(f"This version needs {newest}; run: partner-api db upgrade", err=True)
        raise typer.Exit(1)


@app.command()
def url(
    admin: Annotated[bool, typer.Option("--admin", help="The owner's login.")] = False,
) -> None:
    """Print the database's URL, password included: the API's login, or with --admin the owner's."""
    with opened() as (_, databases, _cluster):
        typer.echo(databases.require_owner() if admin else databases.api)


@app.command()
def distribute(
    url: Annotated[
        str | None,
        typer.Option(help="A superuser's login on the coordinator; its password from PGPASSWORD."),
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=1024, help="Shards of each table.")] = 32,
    backup_taken: Annotated[
        bool, typer.Option("--backup-taken", help="Say that there is a backup to return to.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the statements only.")] = False,
) -> None:
    """Distribute the tables by MSP over the nodes of your Citus; see docs/distribution.md."""
    with opened() as (_, databases, cluster):
        if cluster is not None:
            raise Misconfigured("The embedded PostgreSQL has no other nodes; set PARTNER_API_*_URL")
        login = url or databases.require_owner()
        if dry_run:
            work = show_plan(login, announce, shards=shards)
        else:
            work = distribute_tables(
                login, databases, announce, shards=shards, has_backup=backup_taken
            )
        asyncio.run(work)


@app.command()
def revision(message: str) -> None:
    """Generate a migration from what the models say and the database lacks."""
    # For whoever changes the schema; the others start sooner without.
    from partner_api.database.alembic_commands import create_revision  # noqa: PLC0415

    with opened() as (_, databases, _cluster):
        for path in create_revision(databases.require_owner(), message):
            typer.echo(path)
