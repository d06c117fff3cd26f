"""The one write path of device logs."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.identity.tokens import invalid_token
from partner_api.ingest.groups import Bounds, GroupWriter
from partner_api.ingest.types import LogLine
from partner_api.kernel.buckets import Buckets
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import uuid7
from partner_api.tenancy.grouping import EVERY_TENANT, Grouping
from partner_api.tenancy.principal import DevicePrincipal

_FLOOD = "This device logs too much; send the rest after Retry-After seconds"
_WRITE = "select * from log_group({}, $2, $3, $4, $5, $6, $7, $8)"


@dataclass(frozen=True, slots=True)
class _Entry:
    device: DevicePrincipal
    lines: Sequence[LogLine]


def _bytes(entry: _Entry) -> int:
    return sum(len(line.payload) for line in entry.lines) + 100


_BOUNDS = Bounds(_bytes, group=4 * 1024 * 1024, waiting=64 * 1024 * 1024)


class LogLines:
    """Takes log lines of verified shape and unverified token."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Clock,
        buckets: Buckets,
        grouping: Grouping = EVERY_TENANT,
    ) -> None:
        self._clock = clock
        self._grouping = grouping
        self._buckets = buckets
        self._writer = GroupWriter("logs", pool, self._write, _key, _BOUNDS, grouping)

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    async def stop(self) -> None:
        """Write what waits, then end."""
        await self._writer.stop()

    async def take(self, device: DevicePrincipal, lines: Sequence[LogLine]) -> None:
        """Keep a device's lines; returns after the commit.

        Unauthenticated, Unavailable, RateLimited for a device that floods.
        """
        self._buckets.take(device.token_hash, len(lines), _FLOOD)
        if not await self._writer.submit(_Entry(device, lines)):
            raise invalid_token()

    async def _write(
        self, connection: PoolConnectionProxy, entries: Sequence[_Entry]
    ) -> Sequence[bool]:
        now = self._clock.now()
        lines = [(n, line) for n, entry in enumerate(entries, 1) for line in entry.lines]
        rows = await connection.fetch(
            _WRITE.format(self._grouping.argument),
            self._grouping.tenants([entry.device.msp_id for entry in entries]),
            [entry.device.client_id for entry in entries],
            [entry.device.token_hash for entry in entries],
            [n for n, _ in lines],
            [line.logged_at for _, line in lines],
            # In order, so that lines of one instant are read in the order they were sent.
            sorted(uuid7(now) for _ in lines),
            [line.severity for _, line in lines],
            [line.payload for _, line in lines],
        )
        known = {row["ordinal"] for row in rows}
        return [n in known for n in range(1, len(entries) + 1)]


def _key(entry: _Entry) -> tuple[bytes, bytes]:
    return entry.device.msp_id.bytes, entry.device.client_id.bytes
