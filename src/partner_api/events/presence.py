"""Whether the server itself is there: while it is not, it can see no device."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from partner_api.database.pools import acquired
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Unavailable

_BEAT_SECONDS = 10.0

# As events/sql/resumed_at reads it: whoever comes back after more than a minute notes when.
_BEAT = """
    update server_presence
       set resumed_at = case when seen_at >= $1::timestamptz - interval '60 seconds'
                         then resumed_at else $1 end,
           seen_at = $1"""


class Presence:
    """Says that check-ins are taken, for outages of devices to be told from the server's own."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def beat(self) -> None:
        """Say so now; Unavailable."""
        async with acquired(self._pool) as connection:
            await connection.execute(_BEAT, self._clock.now())

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Say so at once, or raise Unavailable, and again and again meanwhile."""
        await self.beat()
        beating = asyncio.create_task(self._keep_beating())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait([beating])

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            # A database that does not hear this does not hear of check-ins either.
            with suppress(Unavailable):
                await self.beat()
