"""An MSP's log of events, read in its order."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.events.types import Event, EventType
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.ids import ClientId, MspId, OrgId
from partner_api.kernel.next_flight import NextFlight
from partner_api.kernel.sql import Parameters
from partner_api.tenancy.tenancy import Tenancy

LOOKED_AT = 10_000
"""Events that one turn looks at for those of the types asked for."""
# A log is looked through this long for one answer; whoever asks goes on from where it ended.
_PATIENCE_SECONDS = 2.0

_END = "select last_position from event_logs where msp_id = $1"


@dataclass(frozen=True)
class EventFilter:
    """Which events to read; None lets all through."""

    types: frozenset[EventType] | None = None
    org_id: OrgId | None = None
    client_id: ClientId | None = None


@dataclass(frozen=True)
class Stretch:
    """What follows a place in a log: the events that match, as far as it was looked through."""

    events: Sequence[Event]
    looked_to: int
    """The last place that was looked at; what comes after it was not."""
    is_end: bool
    """Whether there was nothing after it."""


class Events:
    """Reads MSPs' logs, a fair turn for each look; whoever asks the same shares an answer."""

    def __init__(self, tenancy: Tenancy, gate: FairGate) -> None:
        self._tenancy = tenancy
        self._gate = gate
        self._reads: NextFlight[tuple[MspId, EventFilter, int, int], Stretch] = NextFlight()

    async def read(self, msp_id: MspId, wanted: EventFilter, after: int, limit: int) -> Stretch:
        """The next events that match, up to `limit`.

        There are fewer where the log ends, or where looking took too long: go on from
        `looked_to`. A place beyond the end counts as the end.
        """
        key = (msp_id, wanted, after, limit)
        return await self._reads.get(key, lambda: self._read(*key))

    async def end(self, msp_id: MspId) -> int:
        """The place of the last event; 0 when there is none yet."""
        async with self._gate.turn(msp_id), self._tenancy.reading(msp_id) as connection:
            return await _end(connection, msp_id)

    async def _read(self, msp_id: MspId, wanted: EventFilter, after: int, limit: int) -> Stretch:
        until = time.monotonic() + _PATIENCE_SECONDS
        events: list[Event] = []
        while True:
            found = await self._look(msp_id, wanted, after, limit - len(events))
            events += found.events
            if found.is_end or len(events) == limit or time.monotonic() >= until:
                return Stretch(events, found.looked_to, found.is_end)
            after = found.looked_to

    async def _look(self, msp_id: MspId, wanted: EventFilter, after: int, limit: int) -> Stretch:
        async with self._gate.turn(msp_id), self._tenancy.reading(msp_id) as connection:
            end = await _end(connection, msp_id)
            if after >= end:
                return Stretch([], end, is_end=True)
            statement, values = _page_statement(msp_id, wanted, after, limit)
            rows = await connection.fetch(statement, *values)
            if len(rows) == limit:
                looked_to = rows[-1]["position"]
            else:
                statement, values = _last_looked_at_statement(msp_id, wanted, after)
                looked_to = await connection.fetchval(statement, *values) or end
        return Stretch([read_event(row) for row in rows], looked_to, looked_to == end)


async def _end(connection: PoolConnectionProxy, msp_id: MspId) -> int:
    end: int | None = await connection.fetchval(_END, msp_id)
    return end or 0


def _page_statement(
    msp_id: MspId, wanted: EventFilter, after: int, limit: int
) -> tuple[str, Sequence[object]]:
    parameters = Parameters(msp_id, after)
    looked_at = f"""
        select msp_id, position, type, happened_at, org_id, client_id, data from events
         where msp_id = $1 and {_after(wanted, parameters)}
         order by position"""
    if wanted.types is not None:
        # Types have no index: as many as a turn may hold are looked at, and the rest in the next.
        looked_at = f"""
            select * from ({looked_at} limit {LOOKED_AT}) e
             where type = any({parameters.add(sorted(wanted.types))}::text[])
             order by position"""
    return f"{looked_at} limit {parameters.add(limit)}", parameters.values


def _last_looked_at_statement(
    msp_id: MspId, wanted: EventFilter, after: int
) -> tuple[str, Sequence[object]]:
    """The last place of as many as were looked at; nothing if the log ended before."""
    parameters = Parameters(msp_id, after)
    return (
        f"""
        select position from events
         where msp_id = $1 and {_after(wanted, parameters)}
         order by position limit 1 offset {LOOKED_AT - 1}""",
        parameters.values,
    )


def _after(wanted: EventFilter, parameters: Parameters) -> str:
    conditions = ["position > $2"]
    if wanted.org_id is not None:
        conditions.append(f"org_id = {parameters.add(wanted.org_id)}")
    if wanted.client_id is not None:
        conditions.append(f"client_id = {parameters.add(wanted.client_id)}")
    return " and ".join(conditions)


def read_event(row: Record) -> Event:
    """An event from its row; ValueError for a type that this version does not know."""
    return Event(
        position=row["position"],
        type=EventType(row["type"]),
        happened_at=row["happened_at"],
        msp_id=MspId(row["msp_id"]),
        org_id=None if row["org_id"] is None else OrgId(row["org_id"]),
        client_id=None if row["client_id"] is None else ClientId(row["client_id"]),
        data=msgspec.json.decode(row["data"]),
    )
