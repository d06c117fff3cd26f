"""What commands say."""

import json
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def announce(line: str) -> None:
    """A line of what goes on."""
    # Flushed, because a supervisor's output often goes to a file somebody is watching.
    print(line, flush=True)  # noqa: T201 - a command's output


def print_row(row: dict[str, Any], *, as_json: bool) -> None:
    """One thing, name by name."""
    if as_json:
        typer.echo(json.dumps(row, default=str))
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        typer.echo(f"{name:{width}}  {value}")


def print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """A line of each."""
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo("  ".join("-" if value is None else str(value) for value in row.values()))


def camel(row: dict[str, Any]) -> dict[str, Any]:
    """With names as the API has them."""
    return {_camel_name(name): value for name, value in row.items()}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
