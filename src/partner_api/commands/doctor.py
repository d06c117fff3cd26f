"""`partner-api doctor`."""

import typer

from partner_api.operations.doctor.examine import diagnose
from partner_api.operations.doctor.findings import has_failed, render
from partner_api.operations.environment import read_settings

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Check what an operator can get wrong; exit code 1 when something has to be put right."""
    findings = diagnose(read_settings())
    for line in render(findings):
        typer.echo(line)
    raise typer.Exit(int(has_failed(findings)))
