"""Hops and metrics of a device's samples: as they were, or means by stretches of time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import ClientId, MspId
from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.types import Hop


@dataclass
class Details:
    """What a moment or a stretch has of these."""

    hops: list[Hop] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)


# The mean of numbers that are too large to add up is none of double precision.
_METRICS = """
    select date_bin($5, s.at, 'epoch') as slot, m.key, avg(m.value::numeric)::double precision
      from sample_details s
     cross join lateral jsonb_each_text(s.metrics) m
     where s.msp_id = $1 and s.client_id = $2 and s.at >= $3 and s.at <= $4
       and m.key = any($6::text[])
     group by 1, 2"""
# A hop is [ttl, ip, latency, loss].
_HOPS = """
    select date_bin($5, s.at, 'epoch') as slot, (h.value ->> 0)::integer as ttl,
           max(h.value ->> 1), avg((h.value ->> 2)::double precision),
           avg((h.value ->> 3)::double precision)
      from sample_details s
     cross join lateral jsonb_array_elements(s.hops) h
     where s.msp_id = $1 and s.client_id = $2 and s.at >= $3 and s.at <= $4
     group by 1, 2
     order by 1, 2"""

# Whether more samples than so many have any of what is wanted.
MORE_DETAILS: Final = """
    select count(*) > $7 from (
        select from sample_details s
         where s.msp_id = $1 and s.client_id = $2 and s.at >= $3 and s.at <= $4
           and ($5::boolean and s.hops is not null or s.metrics ?| $6::text[])
         limit $7 + 1) enough"""


async def details_of(
    connection: PoolConnectionProxy,
    device: tuple[MspId, ClientId],
    since: datetime,
    until: datetime,
    length: int,
    *,
    shows_hops: bool,
    names: Sequence[str],
) -> Mapping[datetime, Details]:
    """By the beginnings of slots, so many milliseconds long; the first one whole."""
    first = from_millis(floor(to_millis(since), length))
    stretch = (*device, first, until, timedelta(milliseconds=length))
    found: dict[datetime, Details] = defaultdict(Details)
    if names:
        for slot, name, value in await connection.fetch(_METRICS, *stretch, names):
            found[slot].metrics[name] = value
    if shows_hops:
        for slot, *hop in await connection.fetch(_HOPS, *stretch):
            found[slot].hops.append(Hop(*hop))
    return found
