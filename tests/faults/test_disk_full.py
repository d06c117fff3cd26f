"""A full disk: nothing is written, everything can be read, nothing breaks."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from partner_api.database.binaries import find_binaries
from partner_api.database.system_user import Account
from tests.blackbox.server import Integrator, Server, wait_until
from tests.conftest import passable_folder
from tests.faults.administrator import administering
from tests.faults.audit import Audit, audit
from tests.faults.callers import Callers, all_fail, are_well, assert_refused, statuses
from tests.faults.fleet import Fleet
from tests.faults.small_disk import filled, small_disk

STOPS_WITHIN_SECONDS = 20.0
RECOVERS_WITHIN_SECONDS = 60.0
ROUNDS = 5


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with passable_folder() as folder:
        disk = folder / "data"
        disk.mkdir()
        # Room for a fresh cluster, some log of PostgreSQL's, and what the server sets aside.
        with small_disk(disk, megabytes=400):
            yield disk


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    server = Server(data_dir).start()
    yield server
    server.stop()


@pytest.fixture
def integrator(server: Server) -> Integrator:
    return server.create_msp()


def test_a_full_disk_stops_writes_and_no_reads(
    server: Server, integrator: Integrator, callers: Callers
) -> None:
    fleet = Fleet(integrator, size=4, pause_seconds=0.05)
    with fleet.checking_in(server.url):
        fleet.await_progress()
        with filled(server.data_dir):
            await_refusal(callers)
            for _ in range(ROUNDS):
                assert_only_reads(callers)
        await_recovery(callers)
    assert fleet.statuses.keys() <= {200, 503}
    assert_intact(server, integrator, fleet)


def test_reads_come_back_when_postgres_ended_because_the_disk_was_full(
    server: Server, integrator: Integrator, callers: Callers
) -> None:
    fleet = Fleet(integrator, size=4, pause_seconds=0.05)
    with fleet.checking_in(server.url):
        fleet.await_progress()
        with filled(server.data_dir):
            end_log_segment(server)
            wait_until(lambda: are_well(callers.read()), RECOVERS_WITHIN_SECONDS, "reading")
            assert_only_reads(callers)
        await_recovery(callers)
    assert_intact(server, integrator, fleet)


def await_refusal(callers: Callers) -> None:
    """What fits into files that are there already may still be written."""
    wait_until(lambda: all_fail(callers.write()), STOPS_WITHIN_SECONDS, "an end of writes")


def assert_only_reads(callers: Callers) -> None:
    assert_refused(callers.write())
    answers = callers.read()
    assert are_well(answers), statuses(answers)


def await_recovery(callers: Callers) -> None:
    wait_until(lambda: are_well(callers.ask()), RECOVERS_WITHIN_SECONDS, "recovery")


def end_log_segment(server: Server) -> None:
    """PostgreSQL needs a new file at once, and ends without."""
    postmaster = server.postmaster()
    with (
        suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError),
        administering(server.data_dir) as execute,
    ):
        execute("select pg_switch_wal()")
        execute("create table filler (number integer)")
    wait_until(lambda: not postmaster.is_running(), STOPS_WITHIN_SECONDS, "PostgreSQL's end")


def assert_intact(server: Server, integrator: Integrator, fleet: Fleet) -> None:
    """Every answered check-in is there, and every page of the data directory is whole."""
    assert server.process is not None
    assert server.process.poll() is None, "the server itself must not need a restart"
    assert audit(integrator, fleet.devices) == Audit(missing=0, double=0)
    assert server.stop() == 0
    folder = server.data_dir / "postgres"
    program = str(find_binaries(Account.owning(folder)) / "pg_checksums")
    command = [program, "--check", f"--pgdata={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Bad checksums:  0" in done.stdout
