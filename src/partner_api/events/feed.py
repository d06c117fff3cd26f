"""Wakes whoever waits for an MSP's events, by one connection that listens for all of them."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.database.pools import ACQUIRE_SECONDS, DATABASE_AWAY
from partner_api.events.numbering import CHANNEL
from partner_api.kernel.errors import RateLimited
from partner_api.kernel.ids import MspId

WAITERS_EACH = 50
"""How many may wait for one MSP's events in one process."""

_LOOK_SECONDS = 5.0
"""How late a connection that fell silent is noticed; one that was closed is at once."""
_RETRY_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class Waiter:
    """One who waits. To miss nothing: wait first comes to be, then reads, then waits."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self.is_over = False
        """Whether there is nobody to wait for, or nothing."""

    async def wait(self, seconds: float) -> bool:
        """Until there may be events that were not there at the last call, or time is up.

        Tells which of both it was.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        is_woken = self._woken.is_set()
        if not self.is_over:
            self._woken.clear()
        return is_woken

    def wake(self) -> None:
        """There may be events."""
        self._woken.set()

    def end(self) -> None:
        """End this wait and all later ones at once."""
        self.is_over = True
        self._woken.set()


class EventFeed:
    """Whoever waits in this process holds neither a connection nor a turn."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiters: dict[MspId, set[Waiter]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._is_closed = False

    def start(self) -> None:
        """Begin to listen; keeps one connection of the pool."""
        self._listening = asyncio.create_task(self._listen())

    def close(self) -> None:
        """Let everybody go who waits, and nobody wait from now on."""
        self._is_closed = True
        for waiter in self._everybody():
            waiter.end()

    async def stop(self) -> None:
        """Close, and listen no longer."""
        self.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    @contextmanager
    def waiter(self, msp_id: MspId) -> Iterator[Waiter]:
        """One who waits for an MSP's events; RateLimited when as many do as may."""
        waiters = self._waiters.setdefault(msp_id, set())
        if len(waiters) >= WAITERS_EACH:
            raise RateLimited(
                f"{WAITERS_EACH} requests wait for your events already; let one of them end first"
            )
        waiter = Waiter()
        if self._is_closed:
            waiter.end()
        waiters.add(waiter)
        try:
            yield waiter
        finally:
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[msp_id]

    async def _listen(self) -> None:
        while not self._is_closed:
            with suppress(*DATABASE_AWAY):
                connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
                try:
                    await self._listen_on(connection)
                finally:
                    # Given back, it would go on to listen for whoever has it next.
                    connection.terminate()
            _logger.warning("Nothing tells of events until the database answers again")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen_on(self, connection: PoolConnectionProxy) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, self._heard)
        # What was said before is lost; whoever waits looks for it.
        for waiter in self._everybody():
            waiter.wake()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await lost.wait()
            await connection.execute("select 1")

    def _heard(self, _connection: object, _process: int, _channel: str, payload: object) -> None:
        for waiter in self._waiters.get(MspId(UUID(str(payload))), ()):
            waiter.wake()

    def _everybody(self) -> list[Waiter]:
        return [waiter for waiters in self._waiters.values() for waiter in waiters]
