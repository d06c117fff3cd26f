"""What devices posted, kept in a plain table beside the server, and counted anew in plain SQL.

The table knows neither hours that are put away nor sketches: each question is asked of all rows.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg

from partner_api.status.quality import Level, Limits
from partner_api.telemetry.moments import from_millis, to_millis

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
QUARTER: Final = 15 * MINUTE
LENGTHS: Final = {"1m": MINUTE, "5m": 5 * MINUTE, "1h": HOUR, "1d": DAY}
MEASURES: Final = {
    "latencyMs": "latency",
    "jitterMs": "jitter",
    "packetLossPct": "loss",
    "gatewayResponseMs": "gateway",
    "wifiRssiDbm": "rssi",
}
"""As answers call them, and as columns."""

_CREATE = """
    create temp table posted (
        client_id text, at bigint, life integer, org_id text,
        latency integer, jitter integer, loss integer, gateway integer, rssi integer,
        primary key (client_id, at))"""
_INSERT = """
    insert into posted values ($1, $2, $3, null, $4, $5, $6, $7, $8) on conflict do nothing"""
_MEANS = """
    select at / $4 * $4 as slot, {columns}
      from posted where client_id = $1 and at >= $2 and at < $3 {condition}
     group by 1 order by 1"""
_NEWEST = """
    select max(at) from posted
     where client_id = $1 and life = $2 and num_nonnulls(latency, jitter, loss) > 0"""
_MEDIANS = """
    select ceil(percentile_cont(0.5) within group (order by latency)),
           ceil(percentile_cont(0.5) within group (order by jitter)),
           ceil(percentile_cont(0.5) within group (order by loss))
      from posted where client_id = $1 and life = $2 and at > $3 and at <= $4"""
_PERCENTILES = """
    select count({measure}),
           percentile_disc(array[0.5, 0.95, 0.99]) within group (order by {measure})
      from posted
     where ($1::text is null or org_id = $1) and ($2::text is null or client_id = $2)
       and at >= $3 and at <= $4"""


class Measured(NamedTuple):
    """What a sample says, in thousandths."""

    latency: int | None = None
    jitter: int | None = None
    loss: int | None = None
    gateway: int | None = None
    rssi: int | None = None


class Quality(NamedTuple):
    """How a device fares: the level, medians in thousandths, and the newest moment."""

    overall: Level
    medians: Sequence[int | None]
    sampled_at: datetime


class Truth:
    """The table."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add(self, client_id: str, life: int, samples: Iterable[tuple[int, Measured]]) -> None:
        """Samples a device posted; one of a moment that is there already is a repeated one."""
        await self._connection.executemany(
            _INSERT, [(client_id, at, life, *measured) for at, measured in samples]
        )

    async def settle(self, org_ids: Mapping[str, str]) -> None:
        """What was digested counts for the organizations in which its devices are now."""
        await self._connection.execute(
            """
            update posted p set org_id = d.org_id
              from unnest($1::text[], $2::text[]) as d (client_id, org_id)
             where p.client_id = d.client_id and p.org_id is null""",
            list(org_ids),
            list(org_ids.values()),
        )

    async def forget_unsettled(self, client_id: str) -> None:
        """A device was deleted before its newest samples were digested."""
        await self._connection.execute(
            "delete from posted where client_id = $1 and org_id is null", client_id
        )

    async def raw(self, client_id: str, since: int, until: int) -> list[tuple[Any, ...]]:
        """Moments and measures from `since` to `until`."""
        rows = await self._connection.fetch(
            """
            select at, latency, jitter, loss, gateway, rssi from posted
             where client_id = $1 and at >= $2 and at <= $3
               and num_nonnulls(latency, jitter, loss, gateway, rssi) > 0
             order by at""",
            client_id,
            since,
            until,
        )
        return [tuple(row) for row in rows]

    async def means(
        self, client_id: str, since: int, until: int, length: int
    ) -> list[tuple[Any, ...]]:
        """By slots that overlap the stretch, the first and the last one whole."""
        columns = ", ".join(f"avg({column})" for column in MEASURES.values())
        condition = f"and num_nonnulls({', '.join(MEASURES.values())}) > 0"
        rows = await self._connection.fetch(
            _MEANS.format(columns=columns, condition=condition),
            client_id,
            since // length * length,
            (until // length + 1) * length,
            length,
        )
        return [tuple(row) for row in rows]

    async def quality(self, client_id: str, life: int, now: datetime) -> Quality | None:
        """Medians of the quarter of an hour up to the newest sample; None before the first."""
        newest = await self._connection.fetchval(_NEWEST, client_id, life)
        if newest is None:
            return None
        row = await self._connection.fetchrow(_MEDIANS, client_id, life, newest - QUARTER, newest)
        assert row is not None
        medians = [None if value is None else int(value) for value in row]
        level = Limits().level(*medians)
        assert level is not None
        if newest + QUARTER <= to_millis(now):
            level = Level.OFFLINE
        return Quality(level, medians, from_millis(newest))

    async def percentiles(
        self, measure: str, since: datetime, until: datetime, **whose: str | None
    ) -> tuple[int, Sequence[int] | None]:
        """How many samples have a measure, and its percentiles 50, 95 and 99 by nearest rank."""
        row = await self._connection.fetchrow(
            _PERCENTILES.format(measure=measure),
            whose.get("org_id"),
            whose.get("client_id"),
            to_millis(since),
            to_millis(until),
        )
        assert row is not None
        return row[0], row[1]


@asynccontextmanager
async def keeping_truth(owner_url: str) -> AsyncIterator[Truth]:
    """A table of its own for one test."""
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute(_CREATE)
        yield Truth(connection)
    finally:
        await connection.close()
