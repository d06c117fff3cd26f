"""Kills and network trouble while a fleet checks in, and what becomes of its check-ins."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

import psutil

from tests.blackbox.server import Integrator, Server, wait_until
from tests.faults.audit import Audit, audit
from tests.faults.fleet import LONGEST_OUTAGE_SECONDS, Fleet
from tests.faults.proxy import Mode, Proxy

TROUBLES = [mode for mode in Mode if mode is not Mode.PASS]


@dataclass(frozen=True)
class Outcome:
    """What a storm left behind."""

    devices: int
    kills: int
    requests: int
    answered: int
    repeated: int
    """Answered as duplicates: counted before a fault swallowed the first answer."""
    audit: Audit
    statuses: Counter[int]
    troubles: Counter[Mode]

    def as_row(self) -> str:
        """A row of the table in docs/reliability.md."""
        figures = [self.devices, self.kills, self.requests, self.answered, self.repeated]
        figures += [self.audit.missing, self.audit.double]
        return f"| {' | '.join(f'{figure:,}' for figure in figures)} |"


def weather(
    server: Server, integrator: Integrator, fleet: Fleet, kills: int, calm_seconds: float
) -> Outcome:
    """Let a fleet check in through so many kills; the outcome when all is quiet again.

    Between one kill's repair and the next trouble pass `calm_seconds` in the mean.
    """
    with Proxy(server.port).serving() as proxy, fleet.checking_in(proxy.url):
        for find in islice(cycle((_find_api, _find_worker, _find_postmaster)), kills):
            # Only a server at work has anything to lose.
            fleet.await_progress()
            time.sleep(random.uniform(0, 2 * calm_seconds))
            _make_trouble(proxy)
            _kill(partial(find, server))
    wait_until(server.is_ready, LONGEST_OUTAGE_SECONDS, "readiness after the storm")
    return Outcome(
        devices=len(fleet.devices),
        kills=kills,
        requests=fleet.requests,
        answered=fleet.answered,
        repeated=fleet.repeated,
        audit=audit(integrator, fleet.devices),
        statuses=fleet.statuses,
        troubles=proxy.met,
    )


def _make_trouble(proxy: Proxy) -> None:
    """Two kinds of trouble, each for a moment, with quiet around them."""
    for mode in random.sample(TROUBLES, 2):
        time.sleep(random.uniform(0.05, 0.4))
        proxy.mode = mode
        time.sleep(random.uniform(0, 0.3))
        proxy.mode = Mode.PASS


def _kill(find: Callable[[], psutil.Process | None]) -> None:
    """Kill a process outright; one that is still dead from the last time is waited for."""
    wait_until(lambda: find() is not None, LONGEST_OUTAGE_SECONDS, "a process to kill")
    process = find()
    assert process is not None
    process.kill()


def _find_api(server: Server) -> psutil.Process | None:
    return next(iter(server.children("partner_api.app")), None)


def _find_worker(server: Server) -> psutil.Process | None:
    return next(iter(server.children("partner_api.worker")), None)


def _find_postmaster(server: Server) -> psutil.Process | None:
    """The postmaster; a dead one's pid file may name another program by now."""
    try:
        process = server.postmaster()
        return process if process.name() == "postgres" and process.is_running() else None
    except (psutil.Error, OSError, ValueError, IndexError):
        return None
