"""PostgreSQL restarted by its operator, and PostgreSQL that does not answer."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from tests.blackbox.server import Integrator, Server, wait_until
from tests.faults.administrator import administering
from tests.faults.audit import Audit, audit
from tests.faults.callers import Answers, Callers, all_fail, are_well, assert_refused
from tests.faults.fleet import LONGEST_OUTAGE_SECONDS, Fleet

ANSWERED_WITHIN_SECONDS = 12.0
"""Seven and a half where the machine has nothing else to do."""

CHECK_IN_ANSWERED_WITHIN_SECONDS = 20.0
"""It may wait behind a group as long as that waits for PostgreSQL, and then itself."""


def test_a_restart_of_postgres_is_answered_503_and_loses_nothing(
    server: Server, integrator: Integrator, callers: Callers
) -> None:
    fleet = Fleet(integrator, size=6, pause_seconds=0.05)
    with fleet.checking_in(server.url):
        fleet.await_progress()
        failures: Answers = {}
        # However soon it would be back, everybody asks while it is away.
        with nothing_started(server):
            server.postmaster().send_signal(signal.SIGINT)
            ask_until(all_fail, callers, failures)
        ask_until(are_well, callers, failures)
        assert_refused(failures)
        fleet.await_progress()
    assert fleet.statuses.keys() <= {200, 503}
    assert audit(integrator, fleet.devices) == Audit(missing=0, double=0)


def test_a_frozen_postgres_is_answered_503_in_time_and_loses_nothing(
    server: Server, integrator: Integrator, callers: Callers
) -> None:
    fleet = Fleet(integrator, size=6, pause_seconds=0.05)
    with fleet.checking_in(server.url):
        fleet.await_progress()
        # Connections are there, and wait for an answer.
        assert are_well(callers.ask())
        with frozen(server.postmaster()):
            answers = callers.ask()
        wait_until(lambda: are_well(callers.ask()), LONGEST_OUTAGE_SECONDS, "recovery")
    assert_refused(answers)
    assert_in_time(answers)
    assert fleet.statuses.keys() <= {200, 503}
    assert audit(integrator, fleet.devices) == Audit(missing=0, double=0)


def test_statements_that_take_too_long_are_answered_503_in_time(
    server: Server, callers: Callers
) -> None:
    with locked(server, "credentials, devices, members, organizations"):
        answers = callers.ask()
    assert_refused(answers)
    assert_in_time(answers)
    assert are_well(callers.ask())


def ask_until(condition: Callable[[Answers], bool], callers: Callers, failures: Answers) -> None:
    """Ask everything until the answers are as wanted; adds what failed to `failures`."""

    def ask() -> bool:
        answers = callers.ask()
        failures.update({name: a for name, a in answers.items() if not a.is_success})
        return condition(answers)

    wait_until(ask, LONGEST_OUTAGE_SECONDS, condition.__name__)


def assert_in_time(answers: Answers) -> None:
    seconds = {name: answer.elapsed.total_seconds() for name, answer in answers.items()}
    assert seconds.pop("check-in") < CHECK_IN_ANSWERED_WITHIN_SECONDS
    assert max(seconds.values()) < ANSWERED_WITHIN_SECONDS, seconds


@contextmanager
def nothing_started(server: Server) -> Iterator[None]:
    """Stop the supervisor for a while: what has ended stays away."""
    assert server.process is not None
    supervisor = psutil.Process(server.process.pid)
    supervisor.suspend()
    try:
        yield
    finally:
        supervisor.resume()


@contextmanager
def locked(server: Server, tables: str) -> Iterator[None]:
    """Keep everybody else from tables, as a careless administrator does."""
    with administering(server.data_dir) as execute:
        execute("begin")
        execute(f"lock table {tables} in access exclusive mode")
        yield


@contextmanager
def frozen(postmaster: psutil.Process) -> Iterator[None]:
    """Stop it and all its processes, as a disk that hangs does; let them go on afterwards."""
    stopped = [postmaster]
    postmaster.suspend()
    try:
        for child in postmaster.children():
            child.suspend()
            stopped.append(child)
        yield
    finally:
        for process in reversed(stopped):
            process.resume()
