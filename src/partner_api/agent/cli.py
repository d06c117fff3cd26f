"""The commands `partner-api agent enroll` and `partner-api agent run`."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from partner_api.agent.enrollment import Wish
from partner_api.agent.enrollment import enroll as enroll_device
from partner_api.agent.measuring.targets import parse_target
from partner_api.agent.program import Measuring, run_agent, until_signalled
from partner_api.agent.state import StateDirectory, default_directory
from partner_api.kernel.errors import PartnerApiError, Unauthenticated, Unavailable

LATER, WRONG, DEAD_TOKEN = 1, 2, 3
"""Exit codes: trying again may help; something has to be changed; the device must be enrolled."""

app = typer.Typer(
    name="agent",
    help="The program on a device.",
    no_args_is_help=True,
    # A traceback of ours must show no values: the token is one.
    pretty_exceptions_enable=False,
)

StateDir = Annotated[
    Path | None,
    typer.Option(
        help="Where the agent keeps its state: /var/lib/partner-api-agent for root, "
        "~/.local/state/partner-api-agent for others.",
        show_default=False,
    ),
]


@app.command()
def enroll(
    *,
    url: Annotated[str, typer.Option(help="The server.")],
    token: Annotated[str, typer.Option(help="An organization's enrollment token, nwx_et_…")],
    state_dir: StateDir = None,
    asset_id: Annotated[str | None, typer.Option(help="Your inventory's name for it.")] = None,
    user_name: Annotated[str | None, typer.Option(help="Who uses it.")] = None,
    user_email: Annotated[str | None, typer.Option(help="Where they are reached.")] = None,
    channel: Annotated[str, typer.Option(help="Which releases it should run.")] = "stable",
    current_version: Annotated[
        str | None, typer.Option(help="What it runs, if not this agent's version.")
    ] = None,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Send the token unencrypted over the network.")
    ] = False,
) -> None:
    """Give this device its place at a server; again, to give it a new token."""
    wish = Wish(url, token, channel, asset_id, user_name, user_email, current_version, allow_http)
    with _explained(), _held(state_dir) as directory:
        try:
            enrolled = asyncio.run(enroll_device(directory, wish))
        except Unauthenticated as error:
            raise _failed(f"{error.message}; ask for a new one", WRONG) from None
        typer.echo(
            f"Enrolled at {enrolled.server_url} as {enrolled.client_id}, kept in {directory.path}"
        )


@app.command()
def run(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Check in, deliver what waits, and end.")
    ] = False,
    state_dir: StateDir = None,
    no_measure: Annotated[
        bool, typer.Option("--no-measure", help="Check in only, and measure nothing.")
    ] = False,
    measure_target: Annotated[
        str | None,
        typer.Option(
            help="The host, or host:port, to which latency, jitter and loss are measured: the "
            "server unless told otherwise.",
            show_default=False,
        ),
    ] = None,
    measure_interval: Annotated[
        int, typer.Option(min=10, max=86400, help="Seconds between measurements, at least.")
    ] = 60,
    no_traceroute: Annotated[
        bool, typer.Option("--no-traceroute", help="Do not look for the routers on the way.")
    ] = False,
) -> None:
    """Check in for this device until stopped."""
    # One line per request, from httpx, would bury what the agent has to say.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with _explained(), _held(state_dir) as directory:
        target = parse_target(measure_target) if measure_target else None
        # Whoever checks in once is waiting for it, and routes take their time.
        measuring = Measuring(target, measure_interval, not (no_traceroute or once))
        work = run_agent(
            directory, _announce, once=once, measuring=None if no_measure else measuring
        )
        asyncio.run(until_signalled(work))


@contextmanager
def _held(state_dir: Path | None) -> Iterator[StateDirectory]:
    directory = StateDirectory(state_dir or default_directory())
    with directory.held():
        yield directory


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Unauthenticated:
        sentence = "The server does not take this device's token: it was deleted there or enrolled"
        raise _failed(f"{sentence} elsewhere; enroll again", DEAD_TOKEN) from None
    except Unavailable as error:
        raise _failed(error.message, LATER) from None
    except PartnerApiError as error:
        raise _failed(error.message, WRONG) from None
    except (OSError, sqlite3.Error) as error:
        raise _failed(str(error), LATER) from None


def _failed(message: str, code: int) -> typer.Exit:
    typer.echo(f"partner-api agent: {message}", err=True)
    return typer.Exit(code)


def _announce(line: str) -> None:
    # Flushed, because the output often goes to a file somebody is watching.
    print(line, flush=True)  # noqa: T201 - a command's output
