"""`partner-api msp …`: the tenants."""

from dataclasses import asdict

import typer

from partner_api.commands.administering import administer
from partner_api.commands.output import AsJson, camel, print_row, print_rows

app = typer.Typer(name="msp", help="MSPs: the tenants.", no_args_is_help=True)


@app.command("create")
def create_msp(name: str, as_json: AsJson = False) -> None:
    """Create an MSP and its first credential; the secret is shown this once."""
    new = administer(lambda operator: operator.create_msp(name))
    print_row(camel(asdict(new)), as_json=as_json)


@app.command("list")
def list_msps(as_json: AsJson = False) -> None:
    """List every MSP."""
    rows = administer(lambda operator: operator.list_msps())
    print_rows([{"mspId": msp_id, "name": name} for msp_id, name in rows], as_json=as_json)
