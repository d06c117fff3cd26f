"""Answers shared by all who ask while the one before is still on its way."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class NextFlight(Generic[K, V]):
    """Computes one answer per key at a time; whoever asks shares the next one to begin.

    So no answer is older than its question, as one that was begun before it could be.
    """

    def __init__(self) -> None:
        self._boarding: dict[K, asyncio.Task[V]] = {}
        self._flying: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        """The answer; an error of `compute` reaches all who waited for it."""
        flight = self._boarding.get(key)
        if flight is None:
            # A task of its own: whoever asked first may leave, the others still wait.
            flight = asyncio.create_task(self._fly(key, compute))
            self._boarding[key] = flight
        return await asyncio.shield(flight)

    async def _fly(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        if key in self._flying:
            await asyncio.wait([self._flying[key]])
        own = self._flying[key] = self._boarding.pop(key)
        try:
            return await compute()
        finally:
            if self._flying[key] is own:
                del self._flying[key]
