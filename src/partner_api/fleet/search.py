"""Finding devices by a part of what they say of themselves.

Texts are kept apart from devices, with an index of their trigrams (`devices.models.DeviceText`). A
few matches are found there, and everything else about a list is then a matter of their keys. Where
many devices match, a page is found by walking the list and comparing; only their number takes a
look at every text, by one at a time for all who ask.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from partner_api.fleet.types import DeviceFilter
from partner_api.kernel.ids import MspId
from partner_api.kernel.single_flight import SingleFlight

MOST_FOUND = 10_000
"""So many matches are found and sorted about as fast as the first page of more is walked to."""
COUNT_SECONDS = 1.0

_FIND = "select matching_devices($1, $2)"


async def find_devices(connection: PoolConnectionProxy, text: str) -> Sequence[UUID] | None:
    """The bound MSP's devices that match; None for too many, or a text too short to look up."""
    found: Sequence[UUID] | None = await connection.fetchval(_FIND, text, MOST_FOUND)
    return found


def contains_sql(column: str, text: str) -> str:
    """Whether a searched text contains what a parameter holds; folded once, not for every row."""
    folded = f'casefold({text}::text collate pg_unicode_fast) collate "C"'
    return f"strpos({column}, (select {folded})) > 0"


class MatchCounts:
    """How many devices match, where counting is dear."""

    def __init__(self) -> None:
        self._flights = SingleFlight[tuple[MspId, DeviceFilter], int](COUNT_SECONDS)

    async def get(
        self, msp_id: MspId, wanted: DeviceFilter, count: Callable[[], Awaitable[int]]
    ) -> int:
        """The number; one count of a filter runs at a time, and serves all who ask for a second."""
        return await self._flights.get((msp_id, wanted), count)
