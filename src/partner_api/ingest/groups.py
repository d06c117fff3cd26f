"""Group commit: requests wait while a statement is in flight, and the next one carries them all.

On an idle server a lone request is written at once; under load groups grow by themselves, and after
a large one a millisecond's wait keeps them large. A request is answered after the commit that holds
it, never before.
"""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from partner_api.database.pools import acquired
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.metrics import GROUP_ITEMS, POOL_CONNECTIONS, WAITING
from partner_api.tenancy.grouping import EVERY_TENANT, Grouping

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Told_contra = TypeVar("Told_contra", contravariant=True)

Key = tuple[bytes, bytes]
"""The tenant and the row an item writes."""
Write = Callable[[PoolConnectionProxy, Sequence[Item]], Awaitable[Sequence[Outcome]]]

# What one tenant may have waiting, of all that may.
_SHARE_OF_ONE_TENANT = 4
# A statement costs about as much as sixteen of its rows (docs/performance.md).
_LARGE_GROUP = 16
# Of all who came a moment ago: with less there are many statements, with more this process and the
# database wait for each other (docs/performance.md).
_ENOUGH = 0.45
_JUST_NOW_SECONDS = 0.005
_GATHERING_SECONDS = (0.0005, 0.0005, 0.0005)


class _Before(NamedTuple):
    """The last group: its items, those that waited when it was written, and when by the loop."""

    size: int
    waiting: int
    ended: float


@dataclass(frozen=True)
class Bounds(Generic[Item]):
    """How much one statement carries and how much may wait, in units of `weight`."""

    weight: Callable[[Item], int]
    group: int
    waiting: int


class _Entry(Struct, Generic[Item, Outcome], frozen=True):
    key: Key
    weight: int
    item: Item
    receiver: "_Receiver[Outcome]"


class _Receiver(Protocol[Told_contra]):
    """Who waits for an outcome: a future of its own, or a share in a batch's."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, result: Told_contra, /) -> None:
        """Tell the outcome."""

    def set_exception(self, exception: Exception, /) -> None:
        """Tell what went wrong."""


class _Batch(Generic[Outcome]):
    """Many outcomes and one future: a future an item would cost as much as its row."""

    def __init__(self, size: int) -> None:
        self._outcomes: list[Outcome | Exception | None] = [None] * size
        self._left = size
        self._all = asyncio.get_running_loop().create_future()

    async def outcomes(self) -> Sequence[Outcome | Exception]:
        """All of them, in order, when the last is there."""
        await self._all
        return cast("list[Outcome | Exception]", self._outcomes)

    def settle(self, index: int, outcome: Outcome | Exception) -> None:
        """Note one."""
        self._outcomes[index] = outcome
        self._left -= 1
        if not self._left and not self._all.done():
            self._all.set_result(None)


class _Share(Struct, Generic[Outcome], frozen=True):
    """One item's place in a batch."""

    batch: _Batch[Outcome]
    index: int

    def done(self) -> bool:
        return False

    def set_result(self, result: Outcome, /) -> None:
        self.batch.settle(self.index, result)

    def set_exception(self, exception: Exception, /) -> None:
        self.batch.settle(self.index, exception)


class GroupWriter(Generic[Item, Outcome]):
    """Gathers items and writes each group with one call of `write`, which answers for each item.

    Items of one group have different keys and come sorted by key, so that groups of any number of
    processes lock rows in one order. A second item with the same key goes into the next group.
    When more wait than a group holds, tenants take turns; where a group may hold one tenant only,
    each group is a turn. Of several lanes each writes a group of its own at the same time.
    """

    def __init__(
        self,
        name: str,
        pool: asyncpg.Pool,
        write: Write[Item, Outcome],
        key: Callable[[Item], Key],
        bounds: Bounds[Item],
        grouping: Grouping = EVERY_TENANT,
        lanes: int = 1,
    ) -> None:
        self._items_of_group = GROUP_ITEMS.labels(name)
        self._items_waiting = WAITING.labels(name)
        self._pool = pool
        self._write = write
        self._key = key
        self._bounds = bounds
        self._grouping = grouping
        self._lanes = lanes
        self._waiting: _FairQueue[Item, Outcome] = _FairQueue(bounds.waiting)
        self._arrived = asyncio.Event()
        self._before = _Before(0, 0, 0.0)
        self._tasks: Sequence[asyncio.Task[None]] = ()
        self._stopping = False

    def start(self) -> None:
        """Begin to write; needs a running loop."""
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self._lanes)]

    async def stop(self) -> None:
        """Write what waits, then end."""
        self._stopping = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)

    async def submit(self, item: Item) -> Outcome:
        """The item's outcome after its commit.

        Unavailable when too many wait or the database is away.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        key = self._key(item)
        self._require_room(key[0])
        self._waiting.push(_Entry(key, self._bounds.weight(item), item, future))
        self._arrived.set()
        return await future

    async def submit_all(self, items: Sequence[Item]) -> Sequence[Outcome | Exception]:
        """Each item's outcome, or what went wrong with it; for many items of one tenant.

        Unavailable when too many wait already.
        """
        if not items:
            return []
        batch: _Batch[Outcome] = _Batch(len(items))
        self._require_room(self._key(items[0])[0])
        for index, item in enumerate(items):
            share = _Share(batch, index)
            self._waiting.push(_Entry(self._key(item), self._bounds.weight(item), item, share))
        self._arrived.set()
        return await batch.outcomes()

    def _require_room(self, tenant: bytes) -> None:
        if self._waiting.is_full(tenant):
            # Spread, so that those sent away do not all come back at once.
            raise Unavailable("Too many requests are waiting", random.randint(2, 20))  # noqa: S311

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            await self._arrived.wait()
            await self._gather()
            group = self._next_group()
            self._items_waiting.set(self._waiting.weight)
            if not self._waiting and not self._stopping:
                self._arrived.clear()
            if group:
                self._items_of_group.observe(sum(entry.weight for entry in group))
                await self._settle(group)
                now = asyncio.get_running_loop().time()
                self._before = _Before(len(group), len(self._waiting), now)

    async def _gather(self) -> None:
        """After a large group wait a moment for another: who was answered is about to come again.

        Otherwise a statement is sent as soon as a few have come, and groups shrink. Not for all,
        though: while some are written the others are read.
        """
        size, waiting, ended = self._before
        enough = (size + waiting) * _ENOUGH
        if size < _LARGE_GROUP or asyncio.get_running_loop().time() - ended > _JUST_NOW_SECONDS:
            return
        for seconds in _GATHERING_SECONDS:
            if len(self._waiting) >= enough or self._stopping:
                return
            await asyncio.sleep(seconds)

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
                if not entry.receiver.done():
                    entry.receiver.set_result(outcome)

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
            if not entry.receiver.done():
                entry.receiver.set_exception(error)


class _FairQueue(Generic[Item, Outcome]):
    """First come, first served within a tenant; tenants take turns."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tenants: OrderedDict[bytes, _Line[Item, Outcome]] = OrderedDict()
        self.weight = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def is_full(self, tenant: bytes) -> bool:
        """Whether one more of this tenant is too many."""
        line = self._tenants.get(tenant)
        mine = line.weight * _SHARE_OF_ONE_TENANT if line else 0
        return mine >= self._most or self.weight >= self._most

    def has(self, tenant: bytes | None) -> bool:
        """Whether anything of this tenant waits, or of anyone."""
        return self._size > 0 if tenant is None else tenant in self._tenants

    def push(self, entry: _Entry[Item, Outcome]) -> None:
        """Put an entry last among its tenant's."""
        self._line(entry).entries.append(entry)
        self._count(entry, 1)

    def pop(self, tenant: bytes | None) -> _Entry[Item, Outcome]:
        """Take the first entry of this tenant, or of the one whose turn it is."""
        if tenant is None:
            tenant = next(iter(self._tenants))
        line = self._tenants[tenant]
        entry = line.entries.popleft()
        self._count(entry, -1)
        if line.entries:
            self._tenants.move_to_end(tenant)
        else:
            del self._tenants[tenant]
        return entry

    def put_back(self, entries: Sequence[_Entry[Item, Outcome]]) -> None:
        """Put entries that were popped first again, in their order."""
        for entry in reversed(entries):
            self._line(entry).entries.appendleft(entry)
            self._count(entry, 1)

    def _line(self, entry: _Entry[Item, Outcome]) -> "_Line[Item, Outcome]":
        line = self._tenants.get(entry.key[0])
        if line is None:
            line = self._tenants[entry.key[0]] = _Line()
        return line

    def _count(self, entry: _Entry[Item, Outcome], sign: int) -> None:
        self._tenants[entry.key[0]].weight += sign * entry.weight
        self.weight += sign * entry.weight
        self._size += sign


class _Line(Generic[Item, Outcome]):
    """What one tenant has waiting."""

    def __init__(self) -> None:
        self.entries: deque[_Entry[Item, Outcome]] = deque()
        self.weight = 0
