"""Group commit: requests wait while a statement is in flight, and the next one carries them all.

On an idle server a lone request is written at once; under load groups grow by themselves. A
request is answered after the commit that holds it, never before.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.database.pools import acquired
from partner_api.kernel.errors import Unavailable

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

Key = tuple[bytes, ...]
Write = Callable[[PoolConnectionProxy, Sequence[Item]], Awaitable[Sequence[Outcome]]]

MOST_WAITING = 20_000


class GroupWriter(Generic[Item, Outcome]):
    """Gathers items and writes each group with one call of `write`, which answers for each item.

    Items of one group have different keys and come sorted by key, so that groups of any number of
    processes lock rows in one order. A second item with the same key goes into the next group.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        write: Write[Item, Outcome],
        key: Callable[[Item], Key],
        largest: int,
    ) -> None:
        self._pool = pool
        self._write = write
        self._key = key
        self._largest = largest
        self._waiting: deque[tuple[Item, asyncio.Future[Outcome]]] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to write; needs a running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what waits, then end."""
        self._stopping = True
        self._arrived.set()
        if self._task:
            await self._task

    async def submit(self, item: Item) -> Outcome:
        """The item's outcome after its commit.

        Unavailable when too many wait or the database is away.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable("Too many requests are waiting; try again shortly", 5)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        return await future

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            await self._arrived.wait()
            group = self._next_group()
            if not self._waiting and not self._stopping:
                self._arrived.clear()
            if group:
                await self._settle(group)

    def _next_group(self) -> Sequence[tuple[Item, asyncio.Future[Outcome]]]:
        group: dict[Key, tuple[Item, asyncio.Future[Outcome]]] = {}
        postponed: list[tuple[Item, asyncio.Future[Outcome]]] = []
        while self._waiting and len(group) < self._largest:
            entry = self._waiting.popleft()
            if group.setdefault(self._key(entry[0]), entry) is not entry:
                postponed.append(entry)
        self._waiting.extendleft(reversed(postponed))
        return [group[key] for key in sorted(group)]

    async def _settle(self, group: Sequence[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        try:
            async with acquired(self._pool) as connection:
                outcomes = await self._write(connection, [item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - every waiting request must hear of it
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
