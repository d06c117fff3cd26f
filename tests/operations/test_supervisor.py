"""The supervisor and its lifeline: real processes, really killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from partner_api.database.cluster import EmbeddedCluster
from partner_api.operations.child import Backoff
from partner_api.operations.lifeline import VARIABLE, end_with_parent

# Each child writes its process id on a line of its own, every time it is started.
CHILD = """
import os, signal, sys, time
from pathlib import Path
from partner_api.operations.lifeline import end_with_parent

end_with_parent()
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with Path(sys.argv[1]).open("a") as file:
    print(os.getpid(), file=file)
time.sleep(60)
"""
SUPERVISOR = """
import sys
from partner_api.operations.supervisor import Child, Supervisor

children = [
    Child(name, [sys.executable, "-c", sys.argv[1], sys.argv[2] + "/" + name, name], {})
    for name in sys.argv[3:]
]
Supervisor(children, None, lambda line: print(line, flush=True)).run()
"""
SUPERVISOR_OF_CLUSTER = """
import sys
from pathlib import Path
from partner_api.database.cluster import EmbeddedCluster
from partner_api.operations.supervisor import Supervisor

cluster = EmbeddedCluster(Path(sys.argv[1]))
with cluster.join():
    print("joined", flush=True)
    Supervisor([], cluster, lambda line: print(line, flush=True)).run()
"""

# A database that is away: its first start fails, its second takes forever.
SUPERVISOR_OF_SLOW_CLUSTER = """
import time
from partner_api.kernel.errors import Misconfigured
from partner_api.operations.supervisor import Supervisor

class Slow:
    attempts = 0

    def is_running(self):
        return False

    def ensure_running(self):
        self.attempts += 1
        if self.attempts == 1:
            raise Misconfigured("The disk is full.")
        time.sleep(60)

Supervisor([], Slow(), lambda line: print(line, flush=True)).run()
"""


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, "web", "worker") as supervisor:
        worker, web = last_start(tmp_path / "worker"), last_start(tmp_path / "web")
        os.kill(worker, signal.SIGKILL)
        line = next_line(supervisor)
        assert line == "worker ended with SIGKILL; starting it again in 0.2 s"
        wait_until(lambda: last_start(tmp_path / "worker") != worker)
        assert starts(tmp_path / "web") == [web]


@pytest.mark.parametrize("request_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_children_and_starts_none(
    tmp_path: Path, request_to_stop: signal.Signals
) -> None:
    with supervised(tmp_path, "web", "worker") as supervisor:
        children = [last_start(tmp_path / "web"), last_start(tmp_path / "worker")]
        asked_at = time.monotonic()
        supervisor.send_signal(request_to_stop)
        output, _ = supervisor.communicate()
        assert time.monotonic() - asked_at < 5
        assert (supervisor.returncode, output) == (0, "")
        assert not any(is_alive(child) for child in children)
        assert [*starts(tmp_path / "web"), *starts(tmp_path / "worker")] == children


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    with supervised(tmp_path, "web", "stubborn") as supervisor:
        web, stubborn = last_start(tmp_path / "web"), last_start(tmp_path / "stubborn")
        supervisor.terminate()
        wait_until(lambda: not is_alive(web))
        assert is_alive(stubborn)
        asked_at = time.monotonic()
        supervisor.terminate()
        output, _ = supervisor.communicate()
        assert time.monotonic() - asked_at < 5
        assert output == "stubborn does not end; killing it\n"
        assert not is_alive(stubborn)


def test_children_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, "web", "stubborn") as supervisor:
        web, stubborn = last_start(tmp_path / "web"), last_start(tmp_path / "stubborn")
        supervisor.kill()
        wait_until(lambda: not is_alive(web))
        assert is_alive(stubborn)
        wait_until(lambda: not is_alive(stubborn))


def test_a_killed_database_is_started_again_and_stopped_in_the_end() -> None:
    folder = Path(tempfile.mkdtemp(prefix="supervised-"))
    folder.chmod(0o755)
    cluster = EmbeddedCluster(folder / "data")
    with running(SUPERVISOR_OF_CLUSTER, str(folder / "data")) as supervisor:
        assert next_line(supervisor) == "joined"
        pid_file = folder / "data" / "postgres" / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
        assert next_line(supervisor) == "PostgreSQL is gone; starting it again"
        assert next_line(supervisor) == "PostgreSQL is back"
        assert cluster.is_running()
        supervisor.terminate()
        assert supervisor.wait() == 0
    assert not cluster.is_running()
    shutil.rmtree(folder)


def test_a_failed_start_of_the_database_is_tried_again_and_may_be_interrupted() -> None:
    with running(SUPERVISOR_OF_SLOW_CLUSTER) as supervisor:
        gone = "PostgreSQL is gone; starting it again"
        assert next_line(supervisor) == gone
        failed = "PostgreSQL did not start; next try in 0.2 s. The disk is full."
        assert next_line(supervisor) == failed
        assert next_line(supervisor) == gone
        asked_at = time.monotonic()
        supervisor.terminate()
        assert supervisor.wait() == 0
        assert time.monotonic() - asked_at < 5


def test_pauses_grow_to_five_seconds_and_shrink_after_a_healthy_life() -> None:
    backoff = Backoff()
    assert [backoff.after(1) for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
    assert backoff.after(10) == 0.2


def test_without_a_supervisor_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    end_with_parent()


@contextmanager
def supervised(folder: Path, *names: str) -> Iterator[subprocess.Popen[str]]:
    """A supervisor whose children have all started."""
    with running(SUPERVISOR, CHILD, str(folder), *names) as supervisor:
        for name in names:
            last_start(folder / name)
        yield supervisor


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def last_start(file: Path) -> int:
    """The child's newest process id, once it has one."""
    wait_until(lambda: len(starts(file)) > 0)
    return starts(file)[-1]


def starts(file: Path) -> Sequence[int]:
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
