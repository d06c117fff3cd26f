"""`partner-api simulate` against the real server, and what integrators see of its fleet."""

import json
import os
import pty
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.blackbox.server import (
    COMMAND,
    Integrator,
    Server,
    clean_environment,
    run_cli,
    wait_until,
)
from tests.conftest import passable_folder

LINE = re.compile(
    r"sent (\d+), accepted (\d+), duplicates (\d+), errors (\d+), ([\d.]+)/s, "
    r"p50/p99 [\d.]+/[\d.]+ ms"
)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server whose devices may be outdated: others publish no release for their channel."""
    with passable_folder() as folder:
        server = Server(folder / "data").start()
        publish = ("release", "publish", "--channel", "stable", "--version", "1.4.2")
        assert run_cli(server.data_dir, *publish).returncode == 0
        yield server
        server.stop()


@pytest.fixture
def owner(own_server: Server) -> Integrator:
    return own_server.create_msp()


class Simulation:
    """The command with an MSP's credential, and a data directory of its own for its memory."""

    def __init__(self, owner: Integrator, folder: Path) -> None:
        self._folder = folder
        self._credentials = folder / "msp.json"
        self._credentials.write_text(json.dumps(owner.msp))
        self._url = owner.url

    def run(self, *options: str) -> Sequence[str]:
        """What it says until it ends by itself."""
        done = subprocess.run(
            self._command(options),
            capture_output=True,
            text=True,
            timeout=90,
            env=self._environment(),
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    @contextmanager
    def running(self, output: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            self._command(options), stdout=output, env=self._environment(), start_new_session=True
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def _command(self, options: Sequence[str]) -> Sequence[str]:
        known = ("--url", self._url, "--credentials", str(self._credentials))
        return [*COMMAND, "simulate", *known, *options]

    def _environment(self) -> dict[str, str]:
        return clean_environment(PARTNER_API_DATA_DIR=str(self._folder))


@pytest.fixture
def simulation(owner: Integrator, tmp_path: Path) -> Simulation:
    return Simulation(owner, tmp_path)


def counts(line: str) -> tuple[int, int, int, int]:
    found = LINE.search(line)
    assert found is not None, line
    sent, accepted, duplicates, errors = (int(number) for number in found.groups()[:4])
    return sent, accepted, duplicates, errors


def devices(owner: Integrator) -> Sequence[dict[str, Any]]:
    page = owner.get("/v1/devices?limit=1000")
    assert page["meta"].get("nextCursor") is None
    listed: Sequence[dict[str, Any]] = page["data"]
    return listed


def test_the_mix_of_faults_shows_in_the_fleets_numbers(
    simulation: Simulation, owner: Integrator
) -> None:
    faults = (
        "silent=10,never-seen=3,away=4,idle=6,outdated=20,late=5,duplicate=8,reordered=2,"
        "clock-skew=1"
    )
    options = ("--devices", "100", "--organizations", "5", "--rate", "40", "--duration", "8")
    said = simulation.run(*options, "--faults", faults, "--progress-every", "1")

    assert (
        "100 devices in 5 organizations, 100 of them new: 41 regular, 20 outdated, 10 silent, "
        "8 duplicate, 6 idle, 5 late, 4 away, 3 never-seen, 2 reordered, 1 clock-skew"
    ) in said
    sent, accepted, duplicates, errors = counts(said[-1])
    assert re.match(r"100 devices in \d+ s: ", said[-1])
    # 40 a second and the 20 of those that check in once, or what a busy machine makes of it.
    assert 100 < sent <= 345
    assert sent == accepted + duplicates
    # A duplicate device says everything twice, and the last time may not have come.
    assert 1 <= duplicates <= 8 * sent / 77 / 2 + 1
    assert errors == 0
    progress = [counts(line) for line in said if line.startswith("sent ")]
    assert len(progress) >= 4
    assert progress == sorted(progress)

    stats = owner.get(f"/v1/msp/{owner.msp['mspId']}/stats")["data"]
    assert (stats["totalDevices"], stats["totalOrgs"]) == (100, 5)
    assert (stats["critical"], stats["warning"], stats["healthy"]) == (13, 24, 63)
    listed = devices(owner)
    states = Counter((device["status"], device["connectionState"]) for device in listed)
    assert states == {
        # Outdated ones; the ones away.
        ("warning", "streaming"): 20,
        ("warning", "offline"): 4,
        ("critical", "offline"): 13,
        # Idle ones, and late ones, whose news is ten minutes old.
        ("healthy", "idle"): 11,
        # Regular, duplicate, reordered ones, and the one whose clock is wrong.
        ("healthy", "streaming"): 52,
    }
    assert sum(device.get("checkInCount", 0) for device in listed) == accepted


def test_ctrl_c_ends_with_a_summary_and_the_next_run_goes_on(
    simulation: Simulation, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with (
        output.open("wb") as file,
        simulation.running(file.fileno(), "--progress-every", "0.5") as it,
    ):
        wait_until(lambda: len(LINE.findall(output.read_text())) >= 4, 40, "progress")
        it.send_signal(signal.SIGINT)
        assert it.wait(10) == 0
    *progress, summary = output.read_text().splitlines()
    assert (
        "60 devices in 4 organizations, 60 of them new: "
        "30 regular, 6 bad-link, 6 outdated, 5 idle, 5 never-seen, 4 away, 4 silent"
    ) in progress
    sent, accepted, _, errors = counts(summary)
    assert summary.startswith("60 devices in ")
    assert sent == accepted > 0
    assert errors == 0

    again = simulation.run("--duration", "0.5")
    assert again[-2].startswith("60 devices in 4 organizations, 0 of them new: ")


def test_on_a_terminal_progress_is_one_line_refreshed(simulation: Simulation) -> None:
    ours, theirs = pty.openpty()
    shown = b""
    with simulation.running(theirs, "--devices", "5", "--duration", "3.5") as process:
        os.close(theirs)
        try:
            while chunk := os.read(ours, 1024):
                shown += chunk
        except OSError:
            # How a terminal tells that nobody writes to it any more.
            pass
        assert process.wait(10) == 0
    os.close(ours)
    lines = shown.decode().split("\r\n")
    assert lines[-2].count("\r\x1b[Ksent ") >= 2
    assert re.search(r"\r\x1b\[K5 devices in \d s: sent \d", lines[-2])


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (("--faults", "sleepy=5"), "known are outdated, idle, away, silent, never-seen, late"),
        (("--faults", "silent=60,late=60"), "more than 100 percent"),
        (("--rate", "0"), "from 0.01 to 1000 check-ins a second"),
        (("--rate", "1e9"), "from 0.01 to 1000 check-ins a second"),
        (("--duration", "-5"), "seconds, more than 0"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(
    tmp_path: Path, options: Sequence[str], advice: str
) -> None:
    refused = run_cli(tmp_path, "simulate", *options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert advice in refused.stderr


@pytest.mark.parametrize("option", ["--devices", "--organizations", "--progress-every"])
def test_a_number_out_of_range_is_refused_by_name(tmp_path: Path, option: str) -> None:
    refused = run_cli(tmp_path, "simulate", option, "0")
    assert refused.returncode == 2
    assert f"Invalid value for '{option}'" in refused.stderr


def test_a_credential_that_does_not_hold_is_one_line_and_exit_code_2(
    own_server: Server, owner: Integrator, tmp_path: Path
) -> None:
    file = tmp_path / "msp.json"
    file.write_text(json.dumps({**owner.msp, "clientSecret": "nwx_cs_wrong"}))
    refused = run_cli(tmp_path, "simulate", "--url", own_server.url, "--credentials", str(file))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "/oauth/token was answered 401" in refused.stderr
