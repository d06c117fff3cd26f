"""The command line finds its commands, and loads no more than one needs."""

import json
import subprocess
import sys
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from partner_api import cli
from partner_api.cli import COMMANDS, command_line
from partner_api.kernel.errors import NotFound

HEAVY = {"alembic", "fastapi", "httpx", "sqlalchemy"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_tells_of_itself(name: str) -> None:
    told = CliRunner().invoke(command_line(name), [name, "--help"])
    assert told.exit_code == 0
    assert f"Usage: partner-api {name}" in told.output


def test_all_of_them_are_listed_for_who_asks_for_none_and_for_another() -> None:
    for asked in ("--help", "serv"):
        listed = CliRunner().invoke(command_line(asked), ["--help"])
        assert [name for name in COMMANDS if f" {name} " not in listed.output] == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotFound("No such MSP"), "No such MSP"),
        (asyncpg.InvalidPasswordError("password refused"), "password refused"),
        (DBAPIError("select", {}, OSError("no route to host")), "no route to host"),
        (ConnectionRefusedError("nobody listens"), "nobody listens"),
        (asyncpg.InterfaceError(""), "The database does not answer (InterfaceError)"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    said: str,
) -> None:
    def fail(*_: str) -> Any:
        raise error

    monkeypatch.setattr(cli, "command_line", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"partner-api: {said}\n"


@pytest.mark.parametrize("error", [ValueError("ours"), KeyError("ours")])
def test_a_fault_of_ours_is_shown_whole(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: str) -> Any:
        raise error

    monkeypatch.setattr(cli, "command_line", fail)
    with pytest.raises(type(error)):
        cli.main()


@pytest.mark.parametrize(
    ("name", "needed"),
    [("serve", set[str]()), ("doctor", set[str]()), ("agent", {"httpx"}), ("msp", {"sqlalchemy"})],
)
def test_a_command_starts_without_what_others_need(name: str, needed: set[str]) -> None:
    asked = (
        "import json, sys; from partner_api.cli import command_line;"
        f"command_line({name!r}); print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True)
    assert HEAVY & set(json.loads(done.stdout)) == needed
