"""For tests of what happens beside them: until it has, and no longer."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for it; TimeoutError when it takes longer than anything should on a busy machine."""
    async with asyncio.timeout(seconds):
        # In a thread, since some conditions ask a server or a database.
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
