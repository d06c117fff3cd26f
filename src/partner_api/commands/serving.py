"""`partner-api serve` and `partner-api worker`."""

from typing import Annotated

import typer

from partner_api.commands.opened import opened
from partner_api.commands.output import announce
from partner_api.kernel.clock import SystemClock
from partner_api.operations.server import ServeOptions, migrate_embedded, work
from partner_api.operations.server import serve as serve_until_stopped

app = typer.Typer()

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
    with opened() as (settings, databases, cluster):
        migrate_embedded(databases, cluster, SystemClock(), announce)
        ready = (f"Serving {options.address}, documentation at {options.address}/docs",)
        serve_until_stopped(settings, databases, cluster, options, announce, ready)


@app.command()
def worker() -> None:
    """Run the worker by itself, as `serve` does unless told --no-worker."""
    with opened() as (settings, databases, cluster):
        migrate_embedded(databases, cluster, SystemClock(), announce)
        work(settings, databases, cluster, announce)
