"""Gives committed events their places: in order, without a gap, each once."""

import logging

from asyncpg import QueryCanceledError
from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import MspId, format_msp_id
from partner_api.kernel.metrics import EVENTS

CHANNEL = "events"
"""On which whoever waits for an MSP's events is told of new ones; the payload is the MSP's id."""
AT_ONCE = 1000

_logger = logging.getLogger(__name__)


class Numberer:
    """Numbers over one connection; several may, and take turns at each MSP."""

    def __init__(self, connection: PoolConnectionProxy, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def number(self) -> int:
        """Number what waits, of each MSP as much as one turn holds; returns how many events."""
        rows = await self._connection.fetch("select msp_id from waiting_events()")
        numbered = 0
        for (msp_id,) in rows:
            try:
                numbered += await self._number(msp_id)
            except QueryCanceledError:
                # The others' turns come all the same.
                _logger.error("Numbering events of %s took too long", format_msp_id(msp_id))
        EVENTS.inc(numbered)
        return numbered

    async def _number(self, msp_id: MspId) -> int:
        async with self._connection.transaction():
            count: int = await self._connection.fetchval(
                "select number_events($1, $2, $3)", msp_id, AT_ONCE, self._clock.now()
            )
            await self._connection.execute("select pg_notify($1, $2)", CHANNEL, str(msp_id))
        return count
