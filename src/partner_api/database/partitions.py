"""Which partitions there are: by the day or the month, and a while ahead."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy


@dataclass(frozen=True)
class Partitioned:
    """A table that is cut by time; `kept` includes what is still being cut off."""

    table: str
    unit: str
    kept: timedelta
    ahead: timedelta


# Ahead, so that a server whose worker stands still goes on taking what comes.
PARTITIONED = (
    Partitioned("logs", "day", kept=timedelta(days=31), ahead=timedelta(days=7)),
    # These lie by the day until which they are kept, thirty days ahead of when events happen.
    Partitioned("events", "day", kept=timedelta(), ahead=timedelta(days=38)),
    Partitioned("webhook_deliveries", "day", kept=timedelta(), ahead=timedelta(days=38)),
    Partitioned("device_transitions", "month", kept=timedelta(days=401), ahead=timedelta(days=62)),
    # These are the worker's own, which makes their partitions before it writes.
    Partitioned("network_chunks", "day", kept=timedelta(days=8), ahead=timedelta(days=7)),
    Partitioned("network_minutes", "day", kept=timedelta(days=31), ahead=timedelta(days=7)),
    Partitioned("network_sketches", "day", kept=timedelta(days=32), ahead=timedelta(days=7)),
    Partitioned("sample_details", "day", kept=timedelta(days=31), ahead=timedelta(days=7)),
    Partitioned("network_days", "month", kept=timedelta(days=401), ahead=timedelta(days=7)),
    Partitioned("check_in_counts", "month", kept=timedelta(days=401), ahead=timedelta(days=62)),
)


async def maintain_partitions(
    connection: asyncpg.Connection | PoolConnectionProxy, now: datetime
) -> None:
    """Make the partitions that are missing and drop those that are too old."""
    for each in PARTITIONED:
        oldest, newest = (now - each.kept).date(), (now + each.ahead).date()
        await connection.execute(
            "select keep_partitions($1, $2, $3, $4)", each.table, each.unit, oldest, newest
        )
