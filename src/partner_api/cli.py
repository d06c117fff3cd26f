"""The command `partner-api`: reads the settings, builds what is needed, says what happened."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
from sqlalchemy.exc import SQLAlchemyError

from partner_api.agent.cli import agent
from partner_api.config import Databases, Settings, parse_secret_keys
from partner_api.database import migrations
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.distribution.distribute import distribute as distribute_tables
from partner_api.database.distribution.distribute import show_plan
from partner_api.database.revisions import newest_revision
from partner_api.kernel.clock import SystemClock
from partner_api.kernel.errors import Misconfigured, PartnerApiError
from partner_api.operations import demo as demonstration
from partner_api.operations.administration import Administration, administration
from partner_api.operations.backup.create import backup as write_backup
from partner_api.operations.backup.restore import restore as restore_backup
from partner_api.operations.doctor.examine import diagnose
from partner_api.operations.doctor.findings import has_failed, render
from partner_api.operations.environment import (
    embedded_cluster,
    joined,
    read_settings,
    secret_keys,
)
from partner_api.operations.lifeline import end_with_parent, until_signalled
from partner_api.operations.logging import configure_logging
from partner_api.operations.server import ServeOptions, migrate_embedded, work
from partner_api.operations.server import serve as serve_until_stopped
from partner_api.operations.simulation.display import Display
from partner_api.operations.simulation.fleet import Plan
from partner_api.operations.simulation.mix import FAULTS, parse_faults
from partner_api.operations.simulation.pace import Pace
from partner_api.operations.simulation.runner import simulate as run_simulation

Result = TypeVar("Result")

app = typer.Typer(
    name="partner-api",
    help="Fleet management for managed service providers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
db = typer.Typer(help="The database: migrate it, look at it.", no_args_is_help=True)
msp = typer.Typer(help="MSPs: the tenants.", no_args_is_help=True)
credential = typer.Typer(help="Credentials of an MSP's programs.", no_args_is_help=True)
release = typer.Typer(help="Releases devices should run.", no_args_is_help=True)
webhooks = typer.Typer(help="Webhooks of all MSPs.", no_args_is_help=True)
for group, name in (
    (db, "db"),
    (msp, "msp"),
    (credential, "credential"),
    (release, "release"),
    (webhooks, "webhooks"),
):
    app.add_typer(group, name=name)

app.add_typer(agent, name="agent")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, max=12, help="API processes.")] = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Run no worker here.")] = False,
) -> None:
    """Serve the API, with an embedded PostgreSQL unless PARTNER_API_DATABASE_URL names yours."""
    options = ServeOptions(host, port, workers, with_worker=not no_worker)
    with _database() as (settings, databases, cluster):
        migrate_embedded(databases, cluster, SystemClock(), _announce)
        ready = (f"Serving {options.address}, documentation at {options.address}/docs",)
        serve_until_stopped(settings, databases, cluster, options, _announce, ready)


@app.command()
def demo(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve with a demo MSP and a simulated fleet, on the embedded PostgreSQL."""
    with _database() as (settings, databases, cluster):
        if cluster is None:
            raise Misconfigured("The demo uses the embedded PostgreSQL; unset PARTNER_API_*_URL")
        migrate_embedded(databases, cluster, SystemClock(), _announce)
        made = demonstration.ensure_demo(databases, settings.data_dir, SystemClock())
        address = ServeOptions(host, port).address
        companions = (demonstration.simulator(settings.data_dir, address),)
        serve_until_stopped(
            demonstration.demo_settings(settings),
            databases,
            cluster,
            ServeOptions(host, port, companions=companions),
            _announce,
            demonstration.banner(address, made),
        )


@app.command()
def worker() -> None:
    """Run the worker by itself, as `serve` does unless told --no-worker."""
    with _database() as (settings, databases, cluster):
        migrate_embedded(databases, cluster, SystemClock(), _announce)
        work(settings, databases, cluster, _announce)


@app.command()
def simulate(
    url: Annotated[str, typer.Option(help="The server to post to.")] = "http://127.0.0.1:8000",
    credentials: Annotated[
        Path | None, typer.Option(help="What `msp create --json` printed; the demo's by default.")
    ] = None,
    devices: Annotated[int, typer.Option(min=1, max=100_000, help="Devices.")] = Plan.devices,
    organizations: Annotated[
        int, typer.Option(min=1, max=10_000, help="Organizations.")
    ] = Plan.organizations,
    seed: Annotated[int, typer.Option(help="Another seed is another fleet.")] = Plan.seed,
    rate: Annotated[
        float | None,
        typer.Option(help="Check-ins a second, of all devices; as the server asks by default."),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(help=f"Percent of devices, as in silent=10,late=2.5: {', '.join(FAULTS)}."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="Seconds of check-ins; until Ctrl-C by default.")
    ] = None,
    progress_every: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds between plain lines of progress, on a terminal too."),
    ] = None,
) -> None:
    """Post real check-ins and logs of a simulated fleet over HTTP."""
    mix = Plan.mix if faults is None else parse_faults(faults)
    plan = Plan(devices=devices, organizations=organizations, seed=seed, mix=mix)
    pace, display = Pace(rate, duration), Display(sys.stdout, progress_every)
    settings = read_settings()
    client_id, client_secret = demonstration.read_credentials(
        credentials or settings.data_dir / demonstration.FILE
    )
    memory = settings.data_dir / "simulation"
    end_with_parent()
    fleet = run_simulation(url, client_id, client_secret, plan, pace, memory, display)
    asyncio.run(until_signalled(fleet))


@app.command()
def openapi(
    output: Annotated[Path | None, typer.Option(help="A file; standard output by default.")] = None,
) -> None:
    """Write the OpenAPI document of the Partner API."""
    # Here, because every other command starts sooner without the web framework.
    from partner_api.surfaces.partner.app import openapi_yaml  # noqa: PLC0415

    document = openapi_yaml(read_settings().public_url)
    if output is None:
        sys.stdout.write(document)
    else:
        output.write_text(document, encoding="utf-8")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The archive to write.")]) -> None:
    """Write everything in the database to one archive; servers go on meanwhile."""
    with _database() as (_, databases, _cluster):
        asyncio.run(write_backup(databases, file, SystemClock().now(), _announce))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the database holds.")] = False,
) -> None:
    """Make the database what it was when the archive was written; stop servers before."""
    with _database() as (_, databases, _cluster):
        now = SystemClock().now()
        asyncio.run(restore_backup(databases, file, now, _announce, replace=yes))


@app.command()
def doctor() -> None:
    """Check what an operator can get wrong; exit code 1 when something has to be put right."""
    findings = diagnose(read_settings())
    for line in render(findings):
        typer.echo(line)
    raise typer.Exit(int(has_failed(findings)))


@db.command()
def upgrade() -> None:
    """Bring the database to the newest schema and make the logins the URLs name."""
    with _database() as (_, databases, _cluster):
        asyncio.run(migrations.upgrade(databases, SystemClock().now()))
        revision = asyncio.run(migrations.current(databases.require_owner()))
        typer.echo(f"The database stands at {revision}")


@db.command()
def current() -> None:
    """Print the schema's revision; exit code 1 when it is older than this version's."""
    with _database() as (_, databases, _cluster):
        revision = asyncio.run(migrations.current(databases.require_owner()))
    newest = newest_revision()
    typer.echo(revision or "not migrated")
    if revision is None or revision < newest:
        typer.echo(f"This version needs {newest}; run: partner-api db upgrade", err=True)
        raise typer.Exit(1)


@db.command()
def url(
    admin: Annotated[bool, typer.Option("--admin", help="The owner's login.")] = False,
) -> None:
    """Print the database's URL, password included: the API's login, or with --admin the owner's."""
    with _database() as (_, databases, _cluster):
        typer.echo(databases.require_owner() if admin else databases.api)


@db.command()
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
    with _database() as (_, databases, cluster):
        if cluster is not None:
            raise Misconfigured("The embedded PostgreSQL has no other nodes; set PARTNER_API_*_URL")
        login = url or databases.require_owner()
        if dry_run:
            work = show_plan(login, _announce, shards=shards)
        else:
            work = distribute_tables(
                login, databases, _announce, shards=shards, has_backup=backup_taken
            )
        asyncio.run(work)


@db.command()
def revision(message: str) -> None:
    """Generate a migration from what the models say and the database lacks."""
    with _database() as (_, databases, _cluster):
        for path in migrations.create_revision(databases.require_owner(), message):
            typer.echo(path)


@msp.command("create")
def create_msp(name: str, as_json: AsJson = False) -> None:
    """Create an MSP and its first credential; the secret is shown this once."""
    new = _administer(lambda operator: operator.create_msp(name))
    _print(_camel(asdict(new)), as_json=as_json)


@msp.command("list")
def list_msps(as_json: AsJson = False) -> None:
    """List every MSP."""
    rows = _administer(lambda operator: operator.list_msps())
    _print_rows([{"mspId": msp_id, "name": name} for msp_id, name in rows], as_json=as_json)


@credential.command("create")
def create_credential(
    msp_id: Annotated[str, typer.Argument(metavar="MSP_ID")], as_json: AsJson = False
) -> None:
    """Create another credential for an MSP; the secret is shown this once."""
    new = _administer(lambda operator: operator.create_credential(msp_id))
    _print(_camel(asdict(new)), as_json=as_json)


@credential.command("list")
def list_credentials(
    msp_id: Annotated[str, typer.Argument(metavar="MSP_ID")], as_json: AsJson = False
) -> None:
    """List an MSP's credentials."""
    rows = _administer(lambda operator: operator.list_credentials(msp_id))
    _print_rows([_camel(asdict(row)) for row in rows], as_json=as_json)


@credential.command("disable")
def disable_credential(client_id: str) -> None:
    """Disable a credential; its tokens die within five seconds."""
    _administer(lambda operator: operator.set_credential_enabled(client_id, enabled=False))
    typer.echo(f"{client_id} is disabled")


@credential.command("enable")
def enable_credential(client_id: str) -> None:
    """Enable a credential again."""
    _administer(lambda operator: operator.set_credential_enabled(client_id, enabled=True))
    typer.echo(f"{client_id} is enabled")


@release.command("publish")
def publish_release(
    channel: Annotated[str, typer.Option(help="The channel, such as stable.")],
    version: Annotated[str, typer.Option(help="The version, such as 1.4.2.")],
    os: Annotated[str | None, typer.Option(help="One operating system; all by default.")] = None,
) -> None:
    """Publish a version: devices of the channel that run an older one are outdated at once."""
    _administer(lambda operator: operator.publish_release(channel, version, os))
    typer.echo(f"{version} is published for channel {channel}, {os or 'every operating system'}")


@release.command("list")
def list_releases(as_json: AsJson = False) -> None:
    """List every release."""
    rows = _administer(lambda operator: operator.list_releases())
    _print_rows([_camel(asdict(row)) for row in rows], as_json=as_json)


@webhooks.command("reseal")
def reseal_webhooks() -> None:
    """Encrypt every webhook's secret with the first of PARTNER_API_SECRET_KEYS."""

    async def reseal(operator: Administration) -> int:
        return await operator.reseal_webhooks(parse_secret_keys(secret_keys(read_settings())))

    typer.echo(f"Encrypted with the first key: the secrets of {_administer(reseal)} webhooks")


def main() -> None:
    """Run a command; an error is one line on standard error and exit code 2."""
    configure_logging()
    try:
        app()
    except PartnerApiError as error:
        _fail(error.message)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError) as error:
        said = str(getattr(error, "orig", error)).splitlines()
        _fail(said[0] if said else f"The database does not answer ({type(error).__name__})")


@contextmanager
def _database() -> Iterator[tuple[Settings, Databases, EmbeddedCluster | None]]:
    settings = read_settings()
    cluster = embedded_cluster(settings)
    with joined(settings, cluster) as databases:
        yield settings, databases, cluster


def _administer(work: Callable[[Administration], Awaitable[Result]]) -> Result:
    async def run(owner_url: str) -> Result:
        async with administration(owner_url, SystemClock()) as operator:
            return await work(operator)

    with _database() as (_, databases, cluster):
        migrate_embedded(databases, cluster, SystemClock(), lambda _: None)
        return asyncio.run(run(databases.require_owner()))


def _announce(line: str) -> None:
    # Flushed, because a supervisor's output often goes to a file somebody is watching.
    print(line, flush=True)  # noqa: T201 - a command's output


def _print(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(row, default=str))
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        typer.echo(f"{name:{width}}  {value}")


def _print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo("  ".join("-" if value is None else str(value) for value in row.values()))


def _camel(row: dict[str, Any]) -> dict[str, Any]:
    return {_camel_name(name): value for name, value in row.items()}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _fail(message: str) -> None:
    typer.echo(f"partner-api: {message}", err=True)
    raise SystemExit(2)
