"""The page and the unit file say what the program does."""

from pathlib import Path

from partner_api.agent import cli
from partner_api.agent.courier import GRACE_SECONDS
from partner_api.agent.spool import Bounds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "agent.md").read_text(encoding="utf-8")
UNIT = (ROOT / "packaging" / "partner-api-agent.service").read_text(encoding="utf-8")


def test_a_dead_token_is_no_reason_to_restart() -> None:
    assert f"RestartPreventExitStatus={cli.DEAD_TOKEN}" in UNIT.splitlines()


def test_the_unit_runs_a_command_there_is() -> None:
    (command,) = [line for line in UNIT.splitlines() if line.startswith("ExecStart=")]
    assert command.endswith("/partner-api agent run --state-dir /var/lib/partner-api-agent")


def test_the_page_names_the_numbers_of_the_program() -> None:
    assert f"{Bounds().entries:,} check-ins" in PAGE
    assert f"{GRACE_SECONDS} seconds" in PAGE
    for code in (cli.LATER, cli.WRONG, cli.DEAD_TOKEN):
        assert f"\n| {code} | " in PAGE
