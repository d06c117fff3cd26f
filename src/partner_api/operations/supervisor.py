"""Keeps the server's processes and its database alive, and ends the processes together."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from partner_api.database.cluster import EmbeddedCluster
from partner_api.kernel.errors import PartnerApiError
from partner_api.operations.child import Backoff, Child, KeptChild

__all__ = ["Child", "Supervisor"]

TICK_SECONDS = 0.1
CHECK_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALS_TO_KILL = 2


class Supervisor:
    """Children and, unless the operator brings a PostgreSQL, the embedded cluster we joined."""

    def __init__(
        self,
        children: Sequence[Child],
        cluster: EmbeddedCluster | None,
        announce: Callable[[str], None],
    ) -> None:
        self._children = children
        self._announce = announce
        self._cluster = None if cluster is None else _KeptCluster(cluster, announce)
        self._signals = 0
        self._is_interruptible = False

    def run(self) -> None:
        """Run until SIGINT or SIGTERM, then return when all children have ended.

        Children get ten seconds to end, or until the second signal. Main thread only, since
        Python delivers signals nowhere else.
        """
        with self._heeding_signals(), _lifeline() as lifeline:
            kept = [KeptChild(child, lifeline, self._announce) for child in self._children]
            try:
                self._keep_all(kept)
            except KeyboardInterrupt:
                self._announce("Stopped while PostgreSQL was being started")
            finally:
                self._end_all(kept)

    def _keep_all(self, kept: Sequence[KeptChild]) -> None:
        while not self._signals:
            for child in kept:
                child.keep()
            self._keep_cluster()
            time.sleep(TICK_SECONDS)

    def _keep_cluster(self) -> None:
        if self._cluster is not None:
            self._is_interruptible = True
            self._cluster.keep()
            self._is_interruptible = False

    def _end_all(self, kept: Sequence[KeptChild]) -> None:
        self._is_interruptible = False
        for child in kept:
            child.terminate()
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while self._signals < SIGNALS_TO_KILL and time.monotonic() < give_up_at:
            if all(child.has_ended() for child in kept):
                return
            time.sleep(TICK_SECONDS)
        for child in kept:
            child.kill()

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self._heed) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _heed(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        # Crash recovery may take minutes, and nobody who asks us to stop should wait for it.
        if self._is_interruptible:
            self._is_interruptible = False
            raise KeyboardInterrupt


class _KeptCluster:
    """The embedded cluster, looked at now and then."""

    def __init__(self, cluster: EmbeddedCluster, announce: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._announce = announce
        self._backoff = Backoff()
        self._look_at = 0.0

    def keep(self) -> None:
        """Start it again if it died, for as long as recovery takes."""
        if time.monotonic() < self._look_at:
            return
        delay = self._look() if self._cluster.is_running() else self._restart()
        self._look_at = time.monotonic() + delay

    def _look(self) -> float:
        self._cluster.keep_reserve()
        return CHECK_SECONDS

    def _restart(self) -> float:
        """Try to start it; the seconds until the next look."""
        self._announce("PostgreSQL is gone; starting it again")
        try:
            self._cluster.ensure_running()
        except PartnerApiError as error:
            delay = self._backoff.after(0)
            self._announce(f"PostgreSQL did not start; next try in {delay:.1f} s. {error.message}")
            return delay
        self._backoff = Backoff()
        self._announce("PostgreSQL is back")
        return CHECK_SECONDS


@contextmanager
def _lifeline() -> Iterator[int]:
    """The children's end of a pipe; the other end stays with us, and closes with us."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)
