"""Turns, taken fairly: nobody waits for more than one turn of each other tenant."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from partner_api.kernel.errors import Unavailable

_Waiting = deque[asyncio.Future[None]]


class FairGate:
    """Lets `slots` callers through at once; tenants that wait take turns.

    One tenant may use every slot while nobody else wants one. Whoever waits longer than `patience`
    seconds gets Unavailable.
    """

    def __init__(self, slots: int, patience: float) -> None:
        self._free = slots
        self._patience = patience
        self._queues: OrderedDict[Hashable, _Waiting] = OrderedDict()

    @asynccontextmanager
    async def turn(self, tenant: Hashable) -> AsyncIterator[None]:
        """Hold a slot."""
        await self._enter(tenant)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, tenant: Hashable) -> None:
        if self._free > 0:
            self._free -= 1
            return
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(tenant, deque()).append(ticket)
        try:
            await asyncio.wait_for(asyncio.shield(ticket), self._patience)
        except BaseException as error:
            self._give_up(tenant, ticket)
            if isinstance(error, TimeoutError):
                raise Unavailable("The server is busy; try again shortly", 2) from None
            raise

    def _give_up(self, tenant: Hashable, ticket: asyncio.Future[None]) -> None:
        if ticket.done():
            # Its turn came while it was leaving: the slot is the next one's.
            self._leave()
            return
        self._queues[tenant].remove(ticket)
        if not self._queues[tenant]:
            del self._queues[tenant]

    def _leave(self) -> None:
        if not self._queues:
            self._free += 1
            return
        tenant, queue = self._queues.popitem(last=False)
        ticket = queue.popleft()
        if queue:
            # To the back of the line: every other tenant comes first.
            self._queues[tenant] = queue
        ticket.set_result(None)
