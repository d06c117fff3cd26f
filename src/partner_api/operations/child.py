"""One program the supervisor keeps alive."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from partner_api.operations.lifeline import VARIABLE

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
HEALTHY_AFTER_SECONDS = 10.0


@dataclass(frozen=True)
class Child:
    """What to run, with `environment` added to our own."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    pass_fds: Sequence[int] = ()


class Backoff:
    """Ever longer pauses between attempts, short again after one that went well for a while."""

    def __init__(self) -> None:
        self._next = FIRST_DELAY_SECONDS

    def after(self, lived_seconds: float) -> float:
        """How long to pause after an attempt that lived so long."""
        if lived_seconds >= HEALTHY_AFTER_SECONDS:
            self._next = FIRST_DELAY_SECONDS
        delay = self._next
        self._next = min(2 * delay, LONGEST_DELAY_SECONDS)
        return delay


class KeptChild:
    """A child and its present process, in a session of its own: Ctrl-C reaches only us."""

    def __init__(self, child: Child, lifeline: int, announce: Callable[[str], None]) -> None:
        self._child = child
        self._lifeline = lifeline
        self._announce = announce
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0

    def keep(self) -> None:
        """Start it if it is time to, or say how it died and when that will be."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._start()
        elif self._process.poll() is not None:
            status = _describe(self._process.returncode)
            self._process = None
            self._retry(f"ended with {status}")

    def has_ended(self) -> bool:
        """Whether no process of it is left to wait for."""
        return self._process is None or self._process.poll() is not None

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End it and whatever it started in its session."""
        if self._process is not None and not self.has_ended():
            self._announce(f"{self._child.name} does not end; killing it")
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start(self) -> None:
        self._started_at = time.monotonic()
        try:
            self._process = subprocess.Popen(
                self._child.command,
                env={**os.environ, **self._child.environment, VARIABLE: str(self._lifeline)},
                pass_fds=(*self._child.pass_fds, self._lifeline),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._retry(f"cannot be started ({error})")

    def _retry(self, what_happened: str) -> None:
        now = time.monotonic()
        delay = self._backoff.after(now - self._started_at)
        self._start_at = now + delay
        self._announce(f"{self._child.name} {what_happened}; starting it again in {delay:.1f} s")


def _describe(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
