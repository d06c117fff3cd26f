"""`partner-api release …`: what devices should run."""

from dataclasses import asdict
from typing import Annotated

import typer

from partner_api.commands.administering import administer
from partner_api.commands.output import AsJson, camel, print_rows

app = typer.Typer(name="release", help="Releases devices should run.", no_args_is_help=True)


@app.command("publish")
def publish_release(
    channel: Annotated[str, typer.Option(help="The channel, such as stable.")],
    version: Annotated[str, typer.Option(help="The version, such as 1.4.2.")],
    os: Annotated[str | None, typer.Option(help="One operating system; all by default.")] = None,
) -> None:
    """Publish a version: devices of the channel that run an older one are outdated at once."""
    administer(lambda operator: operator.publish_release(channel, version, os))
    typer.echo(f"{version} is published for channel {channel}, {os or 'every operating system'}")


@app.command("list")
def list_releases(as_json: AsJson = False) -> None:
    """List every release."""
    rows = administer(lambda operator: operator.list_releases())
    print_rows([camel(asdict(row)) for row in rows], as_json=as_json)
