"""Time spent in each state: from where devices stand now, back over their steps.

A device counts as if it had stood all along where it stands now. Each step it took since the window
began then takes from the state after it, and gives to the state before it, the seconds from the
window's start to the step, or to the window's end if that came first. What is left is exact,
steps after the window included, and no step before it has to be known.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.history.types import Availability, Window
from partner_api.history.walks import STEPS, may_step_sql, walked_sql
from partner_api.kernel.ids import ClientId, MspId, OrgId
from partner_api.organizations.models import COUNTERS
from partner_api.status.rules import STATES, Connection, Health


async def of_device(
    connection: PoolConnectionProxy,
    msp_id: MspId,
    client_id: ClientId,
    window: Window,
    now: datetime,
) -> Availability | None:
    """A device's, whoever it belonged to; None when there is no such device."""
    state = await connection.fetchval(_DEVICE_STATE, msp_id, client_id)
    if state is None:
        return None
    spent = _Spent(window, [int(number == state) for number in range(len(STATES))])
    stretch = (msp_id, client_id, window.since, window.until)
    spent.add_recorded(await connection.fetch(_DEVICE_STEPS, *stretch))
    spent.add_unrecorded(await connection.fetch(_DEVICE_UNRECORDED, *stretch, now))
    return spent.availability()


async def of_organization(
    connection: PoolConnectionProxy, msp_id: MspId, org_id: OrgId, window: Window, now: datetime
) -> Availability | None:
    """The sum over devices while they belonged there; None when there is no such organization.

    Read from what is recorded, as counts are: while the worker keeps up, thresholds that passed in
    the last two seconds may be missing. Every device is looked at only while the worker lags.
    """
    counters = await connection.fetchrow(_COUNTERS, msp_id, org_id)
    if counters is None:
        return None
    spent = _Spent(window, list(counters))
    stretch = (msp_id, org_id, window.since, window.until)
    spent.add_recorded(await connection.fetch(_ORGANIZATION_STEPS, *stretch))
    if not await connection.fetchval(_IS_FRESH, msp_id, now):
        spent.add_unrecorded(await connection.fetch(_ORGANIZATION_UNRECORDED, *stretch, now))
    return spent.availability()


class _Spent:
    """Seconds by state; starts from how many devices stand in each, by what is recorded."""

    def __init__(self, window: Window, standing: Sequence[int]) -> None:
        self._window = window
        self._seconds = [number * window.seconds for number in standing]

    def add_recorded(self, steps: Iterable[Record]) -> None:
        """Before these steps devices stood where they came from."""
        for step in steps:
            self._shift(step["state_after"], step["state_before"], step["seconds"])

    def add_unrecorded(self, steps: Iterable[Record]) -> None:
        """After these steps devices stand where they went to."""
        for step in steps:
            after = step["number"] * self._window.seconds - step["seconds"]
            self._shift(step["state_before"], step["state_after"], after)

    def _shift(self, source: int | None, target: int | None, seconds: Decimal) -> None:
        if source is not None:
            self._seconds[source] -= seconds
        if target is not None:
            self._seconds[target] += seconds

    def availability(self) -> Availability:
        """What people read of it."""
        connection = dict.fromkeys(Connection, Decimal(0))
        health = dict.fromkeys(Health, Decimal(0))
        for state, seconds in zip(STATES, self._seconds, strict=True):
            connection[state.connection] += seconds
            health[state.health] += seconds
        # Below zero only while counters are off that an upgrade's older processes did not move.
        connection = {each: max(seconds, Decimal(0)) for each, seconds in connection.items()}
        health = {each: max(seconds, Decimal(0)) for each, seconds in health.items()}
        return Availability(self._window, connection, health)


_IS_FRESH = "select status_is_fresh($1, $2)"
_DEVICE_STATE = """
    select status_state(d.stage, d.is_current) from devices d
     where d.msp_id = $1 and d.client_id = $2"""
_COUNTERS = f"""
    select {", ".join(COUNTERS)} from organization_counters where msp_id = $1 and org_id = $2"""

# From the window's start to the step, as far as that lies within it; timestamps are exact, so
# these sums are too.
_SECONDS = "sum(extract(epoch from greatest(least({at}, $4), $3) - $3)) as seconds"
_RECORDED = _SECONDS.format(at="h.at")

_DEVICE_STEPS = f"""
    select h.state_before, h.state_after, {_RECORDED} from device_transitions h
     where h.msp_id = $1 and h.client_id = $2 and h.at > $3
     group by 1, 2"""
_ORGANIZATION_STEPS = f"""
    select case when h.from_org_id is null then h.state_before end as state_before,
           h.state_after, {_RECORDED}
      from device_transitions h
     where h.msp_id = $1 and h.org_id = $2 and h.at > $3
     group by 1, 2
    union all
    select h.state_before, null, {_RECORDED} from device_transitions h
     where h.msp_id = $1 and h.from_org_id = $2 and h.at > $3
     group by 1"""


def _unrecorded(where: str) -> str:
    return f"""
    select s.state_before, s.state_after, count(*) as number, {_SECONDS.format(at="s.at")}
      from devices d
      join organizations o on o.msp_id = $1 and o.org_id = d.org_id
     {walked_sql("$5")} {STEPS}
     where d.msp_id = $1 and {where} and {may_step_sql("$5")}
     group by 1, 2"""


_DEVICE_UNRECORDED = _unrecorded("d.client_id = $2")
_ORGANIZATION_UNRECORDED = _unrecorded("d.org_id = $2")
