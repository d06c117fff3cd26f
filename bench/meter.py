"""Processor time, memory and the log's growth of what is being measured."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg
import psutil

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Spent:
    """What something cost: seconds of processor time, bytes of write-ahead log.

    And what the machine had not to give: seconds that other machines on the same processors took.
    """

    server: float
    database: float
    wal: int
    stolen: float


class Meter:
    """Reads the processor time of a server's processes and of its PostgreSQL."""

    def __init__(
        self, servers: Iterable[psutil.Process], postmaster: psutil.Process, url: str
    ) -> None:
        self._servers = list(servers)
        self._postmaster = postmaster
        self._url = url

    async def read(self) -> Spent:
        """Everything since the processes began."""
        connection = await asyncpg.connect(self._url)
        try:
            wal = await connection.fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
        finally:
            await connection.close()
        return Spent(sum(map(_seconds, self._servers)), self._database(), wal, _stolen())

    def _database(self) -> float:
        times = self._postmaster.cpu_times()
        # Of those that ended the postmaster keeps account.
        ended = times.children_user + times.children_system
        living = [self._postmaster, *self._postmaster.children()]
        return float(ended + sum(map(_seconds, living)))


async def until(
    connection: "asyncpg.Connection[asyncpg.Record]",
    statement: str,
    *values: object,
    seconds: float,
) -> None:
    """Wait for the database to say so, at most that long; TimeoutError."""
    for _ in range(int(seconds / _POLL_SECONDS)):
        if await connection.fetchval(statement, *values):
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise TimeoutError(statement)


def between(before: Spent, after: Spent) -> Spent:
    """What was spent from one reading to the next."""
    return Spent(
        after.server - before.server,
        after.database - before.database,
        after.wal - before.wal,
        after.stolen - before.stolen,
    )


def megabytes(processes: Iterable[psutil.Process]) -> float:
    """Processes' resident memory, without what they share with others."""
    return sum(float(process.memory_full_info().uss) for process in processes) / 1e6


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _stolen() -> float:
    # Not every system says.
    return float(getattr(psutil.cpu_times(), "steal", 0.0))
