"""Percentiles of what devices measured, over time."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from asyncpg.pool import PoolConnectionProxy

from partner_api.telemetry.percentiles import PERCENTILES, percentiles_of
from partner_api.telemetry.series import Asked, Values
from partner_api.telemetry.sketch import merge_packed
from partner_api.telemetry.stretches import LENGTHS, WHOLE_MSP

_NAMES: Final = tuple(f"p{percent}" for percent in PERCENTILES)
_SKETCHES: Final = """
    select start, {} from network_sketches
     where msp_id = $1 and org_id = $2 and seconds = $3 and start >= $4 and start <= $5"""


async def latency(connection: PoolConnectionProxy, asked: Asked) -> Sequence[Values]:
    """In milliseconds."""
    return await _percentiles(connection, asked, "latency")


async def jitter(connection: PoolConnectionProxy, asked: Asked) -> Sequence[Values]:
    """In milliseconds."""
    return await _percentiles(connection, asked, "jitter")


async def packet_loss(connection: PoolConnectionProxy, asked: Asked) -> Sequence[Values]:
    """In percent."""
    return await _percentiles(connection, asked, "loss")


async def _percentiles(
    connection: PoolConnectionProxy, asked: Asked, column: str
) -> Sequence[Values]:
    buckets = asked.buckets
    bucket_seconds = int(buckets.length.total_seconds())
    # The longest stretches that buckets are made of.
    seconds = max(length for length in LENGTHS if bucket_seconds % length == 0)
    whose = asked.org_id or WHOLE_MSP
    rows = await connection.fetch(
        _SKETCHES.format(column), asked.msp_id, whose, seconds, buckets.first, asked.now
    )
    packed: dict[int, list[bytes]] = defaultdict(list)
    for start, sketch in rows:
        packed[buckets.place(start)].append(sketch)
    found = (percentiles_of(merge_packed(packed[n])).values for n in range(buckets.number))
    return [dict(zip(_NAMES, values, strict=True)) for values in found]
