"""`partner-api simulate`."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from partner_api.operations import demo as demonstration
from partner_api.operations.environment import read_settings
from partner_api.operations.lifeline import end_with_parent, until_signalled
from partner_api.operations.simulation.display import Display
from partner_api.operations.simulation.fleet import Plan
from partner_api.operations.simulation.mix import FAULTS, parse_faults
from partner_api.operations.simulation.pace import Pace
from partner_api.operations.simulation.runner import simulate as run_simulation

app = typer.Typer()


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
