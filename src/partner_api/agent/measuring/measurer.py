"""Measuring beside the agent's work: nothing waits for it, and nothing of it is told twice."""

import asyncio
import contextlib
import math
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any

from partner_api.agent.clock import DeviceClock

Sample = dict[str, Any]

LEAD_SECONDS = 30.0
"""How long before a check-in is due its measurement begins."""
FRESH_SECONDS = 300.0
"""A measurement that found no check-in for so long is no longer told as the present."""

# An agent measures before each check-in, and pauses of the same length are never exactly that.
_EARLY = 0.9
_LOOK_SECONDS = 0.02


class Measurer:
    """Runs `sample` in a thread of its own, and holds its last result until it is taken.

    The thread ends with the process, whatever it is at: a network that hangs delays no stop.
    """

    def __init__(
        self, sample: Callable[[], Sample], interval_seconds: float, clock: DeviceClock
    ) -> None:
        self._sample = sample
        self._interval = interval_seconds
        self._clock = clock
        self._lock = Lock()
        self._thread: Thread | None = None
        self._next_at = -math.inf
        self._measured: tuple[float, Sample] | None = None

    def start(self) -> None:
        """Measure, unless the last time is not over or not long enough ago; returns at once."""
        now = self._clock.now().ticks
        if self._is_measuring() or now < self._next_at:
            return
        self._next_at = now + _EARLY * self._interval
        self._thread = Thread(target=self._measure, name="measuring", daemon=True)
        self._thread.start()

    def take(self) -> Sample:
        """What was measured last, the first time it is asked for; else nothing."""
        with self._lock:
            measured, self._measured = self._measured, None
        if measured is None or self._clock.now().ticks - measured[0] > FRESH_SECONDS:
            return {}
        return measured[1]

    async def measure(self, within_seconds: float) -> None:
        """Measure, and wait for it so long at most."""
        self.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                while self._is_measuring():  # noqa: ASYNC110 - a thread sets no event of a loop
                    await asyncio.sleep(_LOOK_SECONDS)

    def _is_measuring(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _measure(self) -> None:
        began = self._clock.now().ticks
        sample = self._sample()
        with self._lock:
            self._measured = began, sample
