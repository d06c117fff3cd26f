"""How many devices stood in each state at the end of every bucket.

From where devices stand now, back over their steps: each step after a bucket's end takes a device
from the state after it to the state before it. So the numbers are exact, and no step before the
window has to be known. The running bucket ends now.
"""

from collections.abc import Callable, Iterable, Sequence

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.history.walks import STEPS, may_step_sql, walked_sql
from partner_api.organizations.models import COUNTERS
from partner_api.status.rules import STATES, Connection, Health, State
from partner_api.telemetry.series import Asked, Values


async def health(connection: PoolConnectionProxy, asked: Asked) -> Sequence[Values]:
    """Healthy, warning and critical devices."""
    names = [str(each) for each in reversed(Health)]
    return [
        _by_label(counts, names, lambda state: state.health)
        for counts in await _standing(connection, asked)
    ]


async def connectivity(connection: PoolConnectionProxy, asked: Asked) -> Sequence[Values]:
    """Streaming, idle and offline devices."""
    names = [str(each) for each in Connection]
    return [
        _by_label(counts, names, lambda state: state.connection)
        for counts in await _standing(connection, asked)
    ]


def _by_label(counts: Sequence[int], names: Sequence[str], label: Callable[[State], str]) -> Values:
    values = dict.fromkeys(names, 0)
    for state, count in zip(STATES, counts, strict=True):
        values[label(state)] += count
    # Below zero only while counters are off that an upgrade's older processes did not move.
    return {name: max(value, 0) for name, value in values.items()}


async def _standing(connection: PoolConnectionProxy, asked: Asked) -> Sequence[Sequence[int]]:
    """For every bucket a count for each state."""
    buckets, of_whom = asked.buckets, _Whose(asked)
    now = list(await connection.fetchrow(of_whom.counters, *of_whom.keys) or ())
    # What happened in the first bucket happened before any bucket's end.
    since = buckets.first + buckets.length
    times = (since, buckets.length)
    steps = list(await connection.fetch(of_whom.recorded, *of_whom.keys, *times))
    if not await connection.fetchval(_IS_FRESH, asked.msp_id, asked.now):
        unrecorded = await connection.fetch(of_whom.unrecorded, *of_whom.keys, *times, asked.now)
        # The counters have to learn of all of them, the buckets of those in the window.
        for step in unrecorded:
            _shift(now, step["state_before"], step["state_after"], step["number"])
        steps += [step for step in unrecorded if step["bucket"] >= since]
    return _back(now, steps, asked)


def _back(now: Sequence[int], steps: Iterable[Record], asked: Asked) -> Sequence[Sequence[int]]:
    last = asked.buckets.number - 1
    undone: list[list[Record]] = [[] for _ in range(last + 1)]
    for step in steps:
        # A moment that is a little ahead of this server's clock is in the running bucket.
        undone[min(asked.buckets.place(step["bucket"]), last)].append(step)
    counts, ends = list(now), []
    for taken in reversed(undone):
        # Of a single state it may be below zero: steps that change no label are not recorded.
        ends.append(list(counts))
        for step in taken:
            _shift(counts, step["state_after"], step["state_before"], step["number"])
    return ends[::-1]


def _shift(counts: list[int], source: int | None, target: int | None, number: int) -> None:
    if source is not None:
        counts[source] -= number
    if target is not None:
        counts[target] += number


class _Whose:
    """The statements for a whole MSP, or for one of its organizations, and what both take first."""

    def __init__(self, asked: Asked) -> None:
        if asked.org_id is None:
            self.keys: Sequence[object] = [asked.msp_id]
            self.counters, self.recorded, self.unrecorded = _MSP
        else:
            self.keys = [asked.msp_id, asked.org_id]
            self.counters, self.recorded, self.unrecorded = _ORGANIZATION


_IS_FRESH = "select status_is_fresh($1, $2)"
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in COUNTERS)


def _bucket(at: str, since: str, length: str) -> str:
    return f"date_bin({length}, {at}, {since}) as bucket"


def _unrecorded(where: str, since: str, length: str, now: str) -> str:
    return f"""
    select {_bucket("s.at", since, length)}, s.state_before, s.state_after, count(*) as number
      from devices d
      join organizations o on o.msp_id = $1 and o.org_id = d.org_id
     {walked_sql(now)} {STEPS}
     where d.msp_id = $1 and {where} and {may_step_sql(now)}
     group by 1, 2, 3"""


_MSP = (
    f"select {_SUMS} from organization_counters where msp_id = $1",
    f"""
    select {_bucket("h.at", "$2", "$3")}, h.state_before, h.state_after, count(*) as number
      from device_transitions h
     where h.msp_id = $1 and h.at >= $2
     group by 1, 2, 3""",
    _unrecorded("true", "$2", "$3", "$4"),
)
# A device that moves comes into one organization from nowhere, and leaves the other to nowhere.
_ORGANIZATION = (
    f"select {_SUMS} from organization_counters where msp_id = $1 and org_id = $2",
    f"""
    select {_bucket("h.at", "$3", "$4")},
           case when h.from_org_id is null then h.state_before end as state_before,
           h.state_after, count(*) as number
      from device_transitions h
     where h.msp_id = $1 and h.org_id = $2 and h.at >= $3
     group by 1, 2, 3
    union all
    select {_bucket("h.at", "$3", "$4")}, h.state_before, null, count(*)
      from device_transitions h
     where h.msp_id = $1 and h.from_org_id = $2 and h.at >= $3
     group by 1, 2""",
    _unrecorded("d.org_id = $2", "$3", "$4", "$5"),
)
