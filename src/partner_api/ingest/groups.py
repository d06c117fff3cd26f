"""Group commit: requests wait while a statement is in flight, and the next one carries them all.

On an idle server a lone request is written at once; under load groups grow by themselves. A
request is answered after the commit that holds it, never before.
"""

import asyncio
import random
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.database.pools import acquired
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.metrics import GROUP_ITEMS, POOL_CONNECTIONS, WAITING
from partner_api.tenancy.grouping import EVERY_TENANT, Grouping

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

Key = tuple[bytes, bytes]
"""The tenant and the row an item writes."""
Write = Callable[[PoolConnectionProxy, Sequence[Item]], Awaitable[Sequence[Outcome]]]

# What one tenant may have waiting, of all that may.
_SHARE_OF_ONE_TENANT = 4


@dataclass(frozen=True)
class Bounds(Generic[Item]):
    """How much one statement carries and how much may wait, in units of `weight`."""

    weight: Callable[[Item], int]
    group: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Outcome]):
    key: Key
    weight: int
    item: Item
    future: asyncio.Future[Outcome]


class GroupWriter(Generic[Item, Outcome]):
    """Gathers items and writes each group with one call of `write`, which answers for each item.

    Items of one group have different keys and come sorted by key, so that groups of any number of
    processes lock rows in one order. A second item with the same key goes into the next group.
    When more wait than a group holds, tenants take turns; where a group may hold one tenant only,
    each group is a turn.
    """

    def __init__(
        self,
        name: str,
        pool: asyncpg.Pool,
        write: Write[Item, Outcome],
        key: Callable[[Item], Key],
        bounds: Bounds[Item],
        grouping: Grouping = EVERY_TENANT,
    ) -> None:
        self._items_of_group = GROUP_ITEMS.labels(name)
        self._items_waiting = WAITING.labels(name)
        self._pool = pool
        self._write = write
        self._key = key
        self._bounds = bounds
        self._grouping = grouping
        self._waiting: _FairQueue[Item, Outcome] = _FairQueue(bounds.waiting)
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
        key = self._key(item)
        if self._waiting.is_full(key[0]):
            # Spread, so that those sent away do not all come back at once.
            raise Unavailable("Too many requests are waiting", random.randint(2, 20))  # noqa: S311
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.push(_Entry(key, self._bounds.weight(item), item, future))
        self._arrived.set()
        return await future

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            await self._arrived.wait()
            group = self._next_group()
            self._items_waiting.set(len(self._waiting))
            if not self._waiting and not self._stopping:
                self._arrived.clear()
            if group:
                self._items_of_group.observe(len(group))
                await self._settle(group)

    def _next_group(self) -> Sequence[_Entry[Item, Outcome]]:
        group: dict[Key, _Entry[Item, Outcome]] = {}
        postponed: list[_Entry[Item, Outcome]] = []
        weight = 0
        tenant: bytes | None = None
        while self._waiting.has(tenant) and weight < self._bounds.group:
            entry = self._waiting.pop(tenant)
            if self._grouping.is_one_tenant:
                tenant = entry.key[0]
            if group.setdefault(entry.key, entry) is entry:
                weight += entry.weight
            else:
                postponed.append(entry)
        self._waiting.put_back(postponed)
        return [group[key] for key in sorted(group)]

    async def _settle(self, group: Sequence[_Entry[Item, Outcome]]) -> None:
        try:
            async with acquired(self._pool) as connection:
                with POOL_CONNECTIONS.labels("ingest").track_inprogress():
                    outcomes = await self._write(connection, [entry.item for entry in group])
        except Exception as error:  # noqa: BLE001 - every waiting request must hear of it
            await self._settle_failed(group, error)
        else:
            for entry, outcome in zip(group, outcomes, strict=True):
                if not entry.future.done():
                    entry.future.set_result(outcome)

    async def _settle_failed(
        self, group: Sequence[_Entry[Item, Outcome]], error: Exception
    ) -> None:
        """Write each half by itself, so that in the end only what cannot be written fails."""
        if len(group) > 1 and not isinstance(error, Unavailable):
            middle = len(group) // 2
            await self._settle(group[:middle])
            await self._settle(group[middle:])
            return
        for entry in group:
            if not entry.future.done():
                entry.future.set_exception(error)


class _FairQueue(Generic[Item, Outcome]):
    """First come, first served within a tenant; tenants take turns."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tenants: OrderedDict[bytes, deque[_Entry[Item, Outcome]]] = OrderedDict()
        self._weights: Counter[bytes] = Counter()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def is_full(self, tenant: bytes) -> bool:
        """Whether one more of this tenant is too many."""
        mine = self._weights[tenant] * _SHARE_OF_ONE_TENANT
        return mine >= self._most or self._weights.total() >= self._most

    def has(self, tenant: bytes | None) -> bool:
        """Whether anything of this tenant waits, or of anyone."""
        return self._size > 0 if tenant is None else tenant in self._tenants

    def push(self, entry: _Entry[Item, Outcome]) -> None:
        """Put an entry last among its tenant's."""
        self._tenants.setdefault(entry.key[0], deque()).append(entry)
        self._weights[entry.key[0]] += entry.weight
        self._size += 1

    def pop(self, tenant: bytes | None) -> _Entry[Item, Outcome]:
        """Take the first entry of this tenant, or of the one whose turn it is."""
        if tenant is None:
            tenant = next(iter(self._tenants))
        entries = self._tenants[tenant]
        entry = entries.popleft()
        self._weights[tenant] -= entry.weight
        self._size -= 1
        if entries:
            self._tenants.move_to_end(tenant)
        else:
            del self._tenants[tenant], self._weights[tenant]
        return entry

    def put_back(self, entries: Sequence[_Entry[Item, Outcome]]) -> None:
        """Put entries that were popped first again, in their order."""
        for entry in reversed(entries):
            self._tenants.setdefault(entry.key[0], deque()).appendleft(entry)
            self._weights[entry.key[0]] += entry.weight
            self._size += 1
