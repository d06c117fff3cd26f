"""What is queued for webhooks afterwards: what they missed, and what is replayed."""

import asyncpg

from partner_api.database.pools import acquired
from partner_api.kernel.clock import Clock

_BEHIND = "select * from webhooks_behind()"
_CATCH_UP = "select catch_up($1, $2, $3)"
_REPLAYS = "select * from open_replays()"
_REPLAY = "select replay_events($1, $2, $3, $4)"
_ORPHANED = "select * from orphaned_webhooks()"
_DROP = "select drop_deliveries($1, $2)"


class Backlog:
    """Queues in stretches, each a transaction; several may work at once."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def work(self) -> bool:
        """A stretch for each webhook; tells whether there is more to do at once. Unavailable.

        What is still queued for a webhook that was deleted is dropped.
        """
        async with acquired(self._pool) as connection:
            more = [
                await connection.fetchval(_CATCH_UP, *row, self._clock.now())
                for row in await connection.fetch(_BEHIND)
            ]
            more += [
                await connection.fetchval(_REPLAY, *row, self._clock.now())
                for row in await connection.fetch(_REPLAYS)
            ]
            more += [
                await connection.fetchval(_DROP, *row) for row in await connection.fetch(_ORPHANED)
            ]
        return any(more)
