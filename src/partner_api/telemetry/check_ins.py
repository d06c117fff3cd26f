"""How many check-ins were observed in every bucket."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from partner_api.telemetry.series import Asked, Values

WHOLE_MSP: Final = UUID(int=0)
"""Under which `count_check_ins` keeps the sum over all of an MSP's organizations."""
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


async def check_ins(connection: PoolConnectionProxy, asked: Asked) -> Sequence[Values]:
    """Their numbers; what was taken in the last seconds may not be counted yet."""
    buckets = asked.buckets
    rows = await connection.fetch(
        _COUNTS, asked.msp_id, asked.org_id or WHOLE_MSP, buckets.first - _HOUR
    )
    numbers = [0] * buckets.number
    # Of a bucket within an hour its minutes, of a longer one whole hours.
    step = min(buckets.length, _HOUR)
    minutes = step // _MINUTE
    for hour, counts in rows:
        for start in range(0, len(counts), minutes):
            place = buckets.place(hour + start * _MINUTE)
            if 0 <= place < buckets.number:
                numbers[place] += sum(counts[start : start + minutes])
    return [{"checkIns": number} for number in numbers]


_COUNTS = """
    select hour, counts from check_in_counts where msp_id = $1 and org_id = $2 and hour > $3"""
