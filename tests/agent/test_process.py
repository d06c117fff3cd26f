"""The agent as a process: its exit codes, its signals, its deaths."""

import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from random import Random
from typing import Any

import pytest

from partner_api.agent.cli import DEAD_TOKEN, LATER, WRONG
from tests.agent.device import ONCE, Device
from tests.agent.proxy import Fault, Proxy
from tests.blackbox.server import wait_until

KILLS = 6


def finish(process: subprocess.Popen[str], within: float = 5) -> str:
    """What a process said that is to end by itself."""
    output, _ = process.communicate(timeout=within)
    return output


def test_once_checks_in_and_ends(device: Device) -> None:
    for count in (1, 2):
        done = device.cli(*ONCE)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
        assert device.counted() == count


def test_once_without_a_server_keeps_the_check_in_and_says_so_in_one_line(
    device: Device, proxy: Proxy
) -> None:
    proxy.always(Fault.AWAY)
    for _ in range(2):
        failed = device.cli(*ONCE)
        assert (failed.exit_code, failed.stdout) == (LATER, "")
        assert len(failed.stderr.splitlines()) == 1
        assert "cannot be reached" in failed.stderr
    proxy.always(Fault.NONE)
    assert device.cli(*ONCE).exit_code == 0
    assert device.counted() == 3


def test_kill_9_at_any_moment_makes_no_gap_and_nothing_twice(device: Device, proxy: Proxy) -> None:
    random = Random(11)
    proxy.next_fault = lambda: random.choice([Fault.NONE, Fault.NONE, Fault.CUT, Fault.AWAY])
    for _ in range(KILLS):
        with device.start() as process:
            assert process.stdout is not None
            assert "started" in process.stdout.readline()
            time.sleep(random.uniform(0.1, 0.5))
            process.kill()
    proxy.always(Fault.NONE)
    assert device.cli(*ONCE).exit_code == 0
    assert device.observed() > KILLS
    assert (device.waiting(), device.counted()) == (0, device.observed())


def test_a_dead_token_ends_it_with_one_clear_line(device: Device) -> None:
    process = device.start()
    wait_until(lambda: device.counted() > 0, 10, "a check-in")
    device.delete()
    _, last = finish(process).splitlines()
    assert process.returncode == DEAD_TOKEN
    assert last.startswith("partner-api agent: ")
    assert "enroll again" in last
    again = device.cli(*ONCE)
    assert (again.exit_code, len(again.stderr.splitlines())) == (DEAD_TOKEN, 1)


@pytest.mark.parametrize(
    ("number", "fault"), [(signal.SIGTERM, Fault.HANG), (signal.SIGINT, Fault.NONE)]
)
def test_a_signal_ends_it_soon_even_when_the_server_hangs(
    device: Device, proxy: Proxy, number: int, fault: Fault
) -> None:
    proxy.always(fault)
    process = device.start()
    wait_until(
        lambda: device.directory.spool.exists() and device.observed() > 0, 10, "an observation"
    )
    process.send_signal(number)
    assert finish(process).splitlines() == ["The agent started"]
    assert process.returncode == 0


def test_a_second_agent_on_the_same_directory_is_refused(device: Device, proxy: Proxy) -> None:
    process = device.start()
    wait_until(lambda: device.counted() > 0, 10, "a check-in")
    for command in (
        ONCE,
        ("enroll", "--url", proxy.url, "--token", device.enrollment_token()),
    ):
        refused = device.cli(*command)
        assert (refused.exit_code, len(refused.stderr.splitlines())) == (WRONG, 1)
        assert "Another agent" in refused.stderr
    process.terminate()
    finish(process)


def test_a_spool_that_is_none_is_one_line(device: Device) -> None:
    device.directory.spool.write_text("This is no database, and long enough to tell." * 10)
    failed = device.cli(*ONCE)
    assert (failed.exit_code, len(failed.stderr.splitlines())) == (LATER, 1)
    assert "not a database" in failed.stderr


def check_ins_waiting(device: Device) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(device.directory.spool)) as connection:
        return [json.loads(text) for (text,) in connection.execute("select content from check_ins")]


def test_once_measures_and_what_it_measured_waits_with_the_check_in(
    device: Device, proxy: Proxy
) -> None:
    proxy.always(Fault.AWAY)
    assert device.cli("run", "--once").exit_code == LATER
    (kept,) = check_ins_waiting(device)
    assert kept["network"]["packetLossPct"] == 0
    assert kept["network"]["latencyMs"] > 0
    assert "load1" in kept["metrics"]
    assert "hops" not in kept["network"]
    proxy.always(Fault.NONE)
    done = device.cli("run", "--once", "--measure-target", "127.0.0.1:1", "--no-traceroute")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert (device.waiting(), device.counted()) == (0, 2)


def test_a_running_agent_measures_once_and_traces_the_way(device: Device, proxy: Proxy) -> None:
    proxy.always(Fault.AWAY)
    process = device.start()
    wait_until(
        lambda: (
            device.directory.spool.exists()
            and device.observed() > 0
            and any("network" in kept for kept in check_ins_waiting(device))
        ),
        10,
        "a measurement",
    )
    process.terminate()
    finish(process)
    # Hours of check-ins in a hurry, and a minute of the clock by which it measures.
    (sample,) = [kept["network"] for kept in check_ins_waiting(device) if "network" in kept]
    assert [hop["ip"] for hop in sample["hops"]] == ["127.0.0.1"]
    assert sample["packetLossPct"] == 0


def test_a_target_that_is_none_is_one_line(device: Device) -> None:
    failed = device.cli("run", "--once", "--measure-target", "https://partner.example.com")
    assert (failed.exit_code, len(failed.stderr.splitlines())) == (WRONG, 1)
    assert "--measure-target" in failed.stderr
