"""`partner-api openapi`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from partner_api.operations.environment import read_settings

app = typer.Typer()


@app.command()
def openapi(
    output: Annotated[Path | None, typer.Option(help="A file; standard output by default.")] = None,
) -> None:
    """Write the OpenAPI document of the Partner API."""
    # The list of all commands comes sooner without the web framework.
    from partner_api.surfaces.partner.app import openapi_yaml  # noqa: PLC0415

    document = openapi_yaml(read_settings().public_url)
    if output is None:
        sys.stdout.write(document)
    else:
        output.write_text(document, encoding="utf-8")
