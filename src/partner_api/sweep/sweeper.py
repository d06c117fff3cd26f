"""The sweep: records every threshold that passes, within a second or so of its moment."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.clock import Clock
from partner_api.kernel.metrics import SWEEP_SECONDS, SWEPT_DEVICES, SWEPT_RANGES
from partner_api.sweep.chunks import AT_ONCE, in_halves
from partner_api.sweep.wheel import PAGES, Wheel
from partner_api.tenancy.grouping import EVERY_TENANT, Grouping

_LEADER_LOCK = int.from_bytes(b"sweeper!")
_RANGES_AT_ONCE = 64

Device = tuple[UUID, UUID]


class Sweeper:
    """Sweeps over one connection, for as long as nobody else does.

    Several may run; one leads, by a lock that ends with its connection. Even two that both
    believed to lead would record each step once: a device is walked under its row's lock.
    """

    def __init__(
        self, connection: PoolConnectionProxy, clock: Clock, grouping: Grouping = EVERY_TENANT
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._grouping = grouping
        self._file: int | None = None
        self._wheel = Wheel()

    async def lead(self) -> bool:
        """Whether this one may sweep."""
        leads: bool = await self._connection.fetchval(
            "select pg_try_advisory_lock($1)", _LEADER_LOCK
        )
        return leads

    async def sweep(self) -> int:
        """Record what has passed by now, and say so; returns how many devices moved."""
        with SWEEP_SECONDS.time():
            moved = await self._sweep(self._clock.now())
        SWEPT_DEVICES.inc(moved)
        return moved

    async def _sweep(self, now: datetime) -> int:
        table = await self._connection.fetchrow("select * from sweep_pages()")
        assert table is not None
        if table["file"] != self._file:
            self._file, self._wheel = table["file"], Wheel()
        self._wheel.resize(table["pages"], now)
        moved = await self._sweep_hinted(now)
        while firsts := self._wheel.take_due(now, _RANGES_AT_ONCE):
            moved += await self._sweep_ranges(firsts, now)
        await self._connection.execute("select set_watermark($1)", now)
        return moved

    async def _sweep_hinted(self, now: datetime) -> int:
        hinted = await self._connection.fetch("select * from due_hints($1)", now)
        return await self._move([tuple(row) for row in hinted], now)

    async def _sweep_ranges(self, firsts: Sequence[int], now: datetime) -> int:
        rows = await self._connection.fetch(
            "select * from sweep_scan($1, $2, $3)", firsts, PAGES, now
        )
        due = [
            device
            for row in rows
            for device in zip(row["msp_ids"] or (), row["client_ids"] or (), strict=True)
        ]
        moved = await self._move(due, now)
        SWEPT_RANGES.inc(len(rows))
        for row in rows:
            self._wheel.remember(row["first"], row["next_due"], now)
        return moved

    async def _move(self, devices: Sequence[Device], now: datetime) -> int:
        moved = [
            await in_halves(partial(self._move_chunk, now=now), chunk)
            for chunk in self._chunks(sorted(devices))
        ]
        return sum(moved)

    def _chunks(self, ordered: Sequence[Device]) -> Iterator[Sequence[Device]]:
        runs: Iterable[Sequence[Device]] = [ordered]
        if self._grouping.is_one_tenant:
            runs = [list(run) for _, run in groupby(ordered, key=itemgetter(0))]
        for run in runs:
            for start in range(0, len(run), AT_ONCE):
                yield run[start : start + AT_ONCE]

    async def _move_chunk(self, devices: Sequence[Device], now: datetime) -> int:
        msp_ids, client_ids = (list(column) for column in zip(*devices, strict=True))
        keys = (self._grouping.tenants(msp_ids), client_ids)
        argument = self._grouping.argument
        async with self._connection.transaction():
            moved: int = await self._connection.fetchval(
                f"select sweep_devices({argument}, $2, $3)", *keys, now
            )
            await self._connection.execute(f"select forget_hints({argument}, $2, $3)", *keys, now)
        return moved
