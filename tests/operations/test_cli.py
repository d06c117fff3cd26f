"""The command line finds its commands, and loads no more than one needs."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from partner_api.cli import COMMANDS, command_line

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
