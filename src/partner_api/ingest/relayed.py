"""The everyday check-ins of a relay request, written by one statement.

An integrator's token names the MSP, so that neither tokens nor releases of devices are looked up.
Requests wait in a queue of their own: devices' own check-ins are never behind them.
"""

import logging
from collections.abc import Sequence

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from partner_api.ingest.groups import Bounds, GroupWriter, Key
from partner_api.ingest.types import RelayedCheckIn
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.ids import MspId
from partner_api.kernel.metrics import CHECK_INS
from partner_api.telemetry.inbox import Kept, columns, keep_sql
from partner_api.tenancy.grouping import Grouping

_logger = logging.getLogger(__name__)
_ACCEPTED = CHECK_INS.labels("accepted")
# Statements at once, each over a connection of its own.
_LANES = 2
_MOST_ROWS = 500
_WRITE = "select relay_check_ins({}, $2, $3, $4, $5, $6)"
_WITH_SAMPLES = f"""
    with done as materialized ({_WRITE} as ordinals), kept as materialized (
        select {keep_sql("(select ordinals from done)", 7)})
    select done.ordinals from done left join kept on true"""


class Relayed(Struct, frozen=True):
    """How many check-ins were written, and the others."""

    written: int
    left: Sequence[RelayedCheckIn]
    """Which are no everyday ones, or were refused together with one the database cannot take."""
    missed: Sequence[RelayedCheckIn]
    """For which there was no room, or no database."""


class _Group(Struct, frozen=True):
    msp_id: MspId
    items: Sequence[RelayedCheckIn]


# A group is a request's, or a part of one, and has a statement to itself.
_BOUNDS = Bounds[_Group](lambda group: len(group.items), group=1, waiting=20_000)


class RelayedWriter:
    """Writes what is newer than a device's last check-in and leaves it streaming as it was."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, grouping: Grouping) -> None:
        self._clock = clock
        self._grouping = grouping
        # Nobody digests samples of a distributed database.
        self._keeps_samples = not grouping.is_one_tenant
        self._writer = GroupWriter("relayed", pool, self._write, _key, _BOUNDS, lanes=_LANES)

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    async def stop(self) -> None:
        """Write what waits, then end."""
        await self._writer.stop()

    async def write(self, msp_id: MspId, items: Sequence[RelayedCheckIn]) -> Relayed:
        """Write the everyday ones of different devices; Unavailable when that failed for all."""
        # In the order in which every statement locks rows.
        items = sorted(items, key=lambda item: item.client_id.int)
        parts = [items[n : n + _MOST_ROWS] for n in range(0, len(items), _MOST_ROWS)]
        outcomes = await self._writer.submit_all([_Group(msp_id, part) for part in parts])
        lost = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
        if lost and len(lost) == len(outcomes):
            raise lost[0]
        written, left, missed = 0, list[RelayedCheckIn](), list[RelayedCheckIn]()
        for part, outcome in zip(parts, outcomes, strict=True):
            match outcome:
                case Unavailable():
                    missed += part
                case Exception() as error:
                    # The other ways tell the row that cannot be written from those that can.
                    _logger.warning("%d relayed check-ins go the longer way: %s", len(part), error)
                    left += part
                case ordinals:
                    written += len(ordinals)
                    left += _others(part, ordinals)
        _ACCEPTED.inc(written)
        return Relayed(written, left, missed)

    async def _write(
        self, connection: PoolConnectionProxy, groups: Sequence[_Group]
    ) -> Sequence[Sequence[int]]:
        """The ordinals that were written, of the one group."""
        (group,) = groups
        check_ins = [item.check_in for item in group.items]
        statement, now = _WRITE, self._clock.now()
        parameters: list[object] = [
            self._grouping.tenants([group.msp_id] * len(group.items)),
            [item.client_id for item in group.items],
            [check_in.observed_at for check_in in check_ins],
            [check_in.sequence for check_in in check_ins],
            [check_in.digest for check_in in check_ins],
            now,
        ]
        samples = _samples(group) if self._keeps_samples else []
        if samples:
            statement = _WITH_SAMPLES
            parameters += columns(samples, now)
        statement = statement.format(self._grouping.argument)
        return [await connection.fetchval(statement, *parameters)]


def _samples(group: _Group) -> Sequence[Kept]:
    return [
        Kept(n, group.msp_id, item.client_id, item.check_in.observed_at, item.check_in.sample)
        for n, item in enumerate(group.items, start=1)
        if item.check_in.sample is not None
    ]


def _key(group: _Group) -> Key:
    return group.msp_id.bytes, b""


def _others(items: Sequence[RelayedCheckIn], ordinals: Sequence[int]) -> Sequence[RelayedCheckIn]:
    if len(ordinals) == len(items):
        return []
    written = set(ordinals)
    return [item for n, item in enumerate(items, start=1) if n not in written]
