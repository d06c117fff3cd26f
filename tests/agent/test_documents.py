"""The page and the unit file say what the program does."""

import inspect
from pathlib import Path

from partner_api.agent import cli
from partner_api.agent.courier import GRACE_SECONDS
from partner_api.agent.measuring.measurer import FRESH_SECONDS, LEAD_SECONDS
from partner_api.agent.measuring.metrics import read_metrics
from partner_api.agent.measuring.probes import ANSWER_WITHIN_SECONDS, PROBES
from partner_api.agent.measuring.route import MOST_HOPS
from partner_api.agent.measuring.sample import LARGEST_SAMPLE, TRACE_EVERY_SECONDS
from partner_api.agent.runner import ONCE_SECONDS
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


def test_the_page_names_the_numbers_of_measuring() -> None:
    assert (LEAD_SECONDS, FRESH_SECONDS) == (30, 300)
    assert "Half a minute before" in PAGE
    assert "five minutes old" in PAGE
    assert (PROBES, ANSWER_WITHIN_SECONDS) == (5, 1)
    assert "five round trips" in PAGE
    assert "within a second" in PAGE
    assert f"every {TRACE_EVERY_SECONDS // 60} minutes" in PAGE
    assert f"up to {MOST_HOPS} hops" in PAGE
    assert f"for {ONCE_SECONDS:.0f} seconds at most" in PAGE
    assert f"{LARGEST_SAMPLE:,} bytes" in PAGE
    assert f"{Bounds().size // 2**20} MB" in PAGE


def test_the_page_names_every_option_of_run_and_every_metric() -> None:
    run = next(command for command in cli.app.registered_commands if command.callback is cli.run)
    assert run.callback is not None
    measuring = [name for name in inspect.signature(run.callback).parameters if "state" not in name]
    for name in [*measuring, *read_metrics(), "cpuPct"]:
        option = f"`--{name.replace('_', '-')}`"
        assert option in PAGE or f"`{name}`" in PAGE, name
