"""Answers that are dear to compute, shared by all who ask for one at the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Computes at most one answer per key at a time, and gives it to all who ask for a while.

    An answer is at most `seconds` old when it is given, counted from when its computation ended.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._flights: dict[K, asyncio.Task[V]] = {}
        self._landed: dict[K, tuple[float, V]] = {}

    async def get(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        """The answer; an error of `compute` reaches all who waited for it and is not kept."""
        landed = self._landed.get(key)
        if landed is not None and time.monotonic() < landed[0]:
            return landed[1]
        flight = self._flights.get(key)
        if flight is None:
            # A task of its own: whoever asked first may leave, the others still wait.
            flight = asyncio.create_task(self._fly(key, compute))
            self._flights[key] = flight
        return await asyncio.shield(flight)

    async def _fly(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await compute()
        finally:
            del self._flights[key]
        now = time.monotonic()
        self._landed = {k: v for k, v in self._landed.items() if now < v[0]}
        self._landed[key] = (now + self._seconds, value)
        return value
