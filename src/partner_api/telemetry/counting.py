"""Counts the check-ins that were taken: by organization and minute, each once."""

import logging

import asyncpg
from asyncpg import QueryCanceledError
from asyncpg.pool import PoolConnectionProxy

from partner_api.database.pools import acquired
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import MspId, format_msp_id

AT_ONCE = 500
"""How many tallies, of up to 500 check-ins each, a transaction counts."""

_logger = logging.getLogger(__name__)


class CheckInCounter:
    """Empties the tallies; several may, and take turns at each MSP."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def count(self) -> None:
        """Count what waits; Unavailable."""
        async with acquired(self._pool) as connection:
            for (msp_id,) in await connection.fetch("select msp_id from waiting_tallies()"):
                try:
                    await self._count(connection, msp_id)
                except QueryCanceledError:
                    # The others' turns come all the same.
                    _logger.error("Counting check-ins of %s took too long", format_msp_id(msp_id))

    async def _count(self, connection: PoolConnectionProxy, msp_id: MspId) -> None:
        taken = AT_ONCE
        while taken == AT_ONCE:
            taken = await connection.fetchval(
                "select count_check_ins($1, $2, $3)", msp_id, AT_ONCE, self._clock.now()
            )
