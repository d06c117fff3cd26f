"""`partner-api credential …`: how an MSP's programs log in."""

from dataclasses import asdict
from typing import Annotated

import typer

from partner_api.commands.administering import administer
from partner_api.commands.output import AsJson, camel, print_row, print_rows

app = typer.Typer(name="credential", help="Credentials of an MSP's programs.", no_args_is_help=True)


@app.command("create")
def create_credential(
    msp_id: Annotated[str, typer.Argument(metavar="MSP_ID")], as_json: AsJson = False
) -> None:
    """Create another credential for an MSP; the secret is shown this once."""
    new = administer(lambda operator: operator.create_credential(msp_id))
    print_row(camel(asdict(new)), as_json=as_json)


@app.command("list")
def list_credentials(
    msp_id: Annotated[str, typer.Argument(metavar="MSP_ID")], as_json: AsJson = False
) -> None:
    """List an MSP's credentials."""
    rows = administer(lambda operator: operator.list_credentials(msp_id))
    print_rows([camel(asdict(row)) for row in rows], as_json=as_json)


@app.command("disable")
def disable_credential(client_id: str) -> None:
    """Disable a credential; its tokens die within five seconds."""
    administer(lambda operator: operator.set_credential_enabled(client_id, enabled=False))
    typer.echo(f"{client_id} is disabled")


@app.command("enable")
def enable_credential(client_id: str) -> None:
    """Enable a credential again."""
    administer(lambda operator: operator.set_credential_enabled(client_id, enabled=True))
    typer.echo(f"{client_id} is enabled")
