"""`partner-api demo`."""

import typer

from partner_api.commands.opened import opened
from partner_api.commands.output import announce
from partner_api.commands.serving import Host, Port
from partner_api.kernel.clock import SystemClock
from partner_api.kernel.errors import Misconfigured
from partner_api.operations import demo as demonstration
from partner_api.operations.server import ServeOptions, migrate_embedded
from partner_api.operations.server import serve as serve_until_stopped

app = typer.Typer()


@app.command()
def demo(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve with a demo MSP and a simulated fleet, on the embedded PostgreSQL."""
    with opened() as (settings, databases, cluster):
        if cluster is None:
            raise Misconfigured("The demo uses the embedded PostgreSQL; unset PARTNER_API_*_URL")
        migrate_embedded(databases, cluster, SystemClock(), announce)
        made = demonstration.ensure_demo(databases, settings.data_dir, SystemClock())
        address = ServeOptions(host, port).address
        companions = (demonstration.simulator(settings.data_dir, address),)
        serve_until_stopped(
            demonstration.demo_settings(settings),
            databases,
            cluster,
            ServeOptions(host, port, companions=companions),
            announce,
            demonstration.banner(address, made),
        )
