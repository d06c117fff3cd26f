"""Which daily partitions there are: thirty full days back, a week ahead."""

from datetime import datetime, timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

KEPT = timedelta(days=31)
"""Thirty full days of logs, and the day that is still being cut off."""
AHEAD = timedelta(days=7)
"""So that a server whose worker stands still goes on taking logs."""


async def maintain_partitions(
    connection: asyncpg.Connection | PoolConnectionProxy, now: datetime
) -> None:
    """Make the partitions that are missing and drop those that are too old."""
    oldest, newest = (now - KEPT).date(), (now + AHEAD).date()
    await connection.execute("select maintain_partitions($1, $1, $2)", oldest, newest)
