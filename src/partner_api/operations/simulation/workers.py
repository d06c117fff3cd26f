"""Many things to do, few of them at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

MOST_AT_ONCE = 16
"""Twice what a server's process changes at once: more would only wait there, and be sent away."""

Item = TypeVar("Item")


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks that end with the first error among them, raised as it is: it says what is wrong."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def each(items: Iterable[Item], act: Callable[[Item], Awaitable[None]]) -> None:
    """Act on every item, on a few at a time."""
    left = iter(items)

    async def work() -> None:
        for item in left:
            await act(item)

    async with together() as tasks:
        for _ in range(MOST_AT_ONCE):
            tasks.create_task(work())


@asynccontextmanager
async def every(seconds: float, act: Callable[[], None]) -> AsyncIterator[None]:
    """Act now and then in the meantime."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            act()

    async with together() as tasks:
        repeating = tasks.create_task(repeat())
        try:
            yield
        finally:
            repeating.cancel()
