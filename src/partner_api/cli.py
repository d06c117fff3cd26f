"""The command `partner-api`: finds what is asked for, and says what went wrong."""

import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final

import typer

from partner_api.kernel.errors import PartnerApiError
from partner_api.operations.logging import configure_logging

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "serve": "partner_api.commands.serving",
        "worker": "partner_api.commands.serving",
        "demo": "partner_api.commands.demo",
        "simulate": "partner_api.commands.simulation",
        "openapi": "partner_api.commands.openapi",
        "backup": "partner_api.commands.archives",
        "restore": "partner_api.commands.archives",
        "doctor": "partner_api.commands.doctor",
        "db": "partner_api.commands.db",
        "msp": "partner_api.commands.msp",
        "credential": "partner_api.commands.credential",
        "release": "partner_api.commands.release",
        "webhooks": "partner_api.commands.webhooks",
        "agent": "partner_api.agent.cli",
    }
)
"""The modules of all commands, in the order they are listed; the `app` of each has them."""


def main() -> None:
    """Run a command; an error is one line on standard error and exit code 2."""
    configure_logging()
    try:
        command_line(*sys.argv[1:2])()
    except PartnerApiError as error:
        _fail(error.message)
    except OSError as error:
        _fail(_words(error))
    except Exception as error:
        if not _is_of_the_database(error):
            raise
        _fail(_words(getattr(error, "orig", error)))


def command_line(asked: str = "--help") -> typer.Typer:
    """The command line with the command that is asked for, or with all of them."""
    app = typer.Typer(
        name="partner-api",
        help="Fleet management for managed service providers.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    # One command alone would be taken for the program itself.
    app.callback()(lambda: None)
    # Loading all of them takes several times as long as loading one.
    modules = [COMMANDS[asked]] if asked in COMMANDS else dict.fromkeys(COMMANDS.values())
    for module in modules:
        app.add_typer(import_module(module).app)
    return app


def _is_of_the_database(error: Exception) -> bool:
    # By name: most commands have no use for either library.
    return any(
        each.__module__.partition(".")[0] in {"asyncpg", "sqlalchemy"}
        for each in type(error).__mro__
    )


def _words(error: Exception) -> str:
    said = str(error).splitlines()
    return said[0] if said else f"The database does not answer ({type(error).__name__})"


def _fail(message: str) -> None:
    typer.echo(f"partner-api: {message}", err=True)
    raise SystemExit(2)
