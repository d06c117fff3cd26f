"""A device's steps, newest first, and how much time was spent in each state.

The answers speak of the instant of the request: steps that were taken and that the worker has not
recorded yet are in them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.devices.service import DeviceNotFound
from partner_api.history import availability
from partner_api.history.types import Availability, Step, StepFilter, Window
from partner_api.history.walks import STEPS, walked_sql
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Invalid
from partner_api.kernel.ids import ClientId, MspId, OrgId
from partner_api.kernel.paging import (
    CursorKey,
    CursorSigner,
    Page,
    micros,
    micros_to_instant,
)
from partner_api.kernel.sql import Parameters
from partner_api.organizations.service import OrganizationNotFound
from partner_api.settings import retention
from partner_api.status.rules import State
from partner_api.tenancy.tenancy import Tenancy

_DEFAULT_WINDOW = timedelta(days=1)


class History:
    """Reads what one MSP's devices went through."""

    def __init__(self, tenancy: Tenancy, cursors: CursorSigner, clock: Clock) -> None:
        self._tenancy = tenancy
        self._cursors = cursors
        self._clock = clock

    async def list(
        self,
        msp_id: MspId,
        client_id: ClientId,
        wanted: StepFilter,
        limit: int,
        cursor: str | None,
    ) -> Page[Step]:
        """A page of a device's steps, those of earlier lives of its id included.

        DeviceNotFound; Invalid for a foreign cursor.
        """
        walk = _walk(msp_id, client_id, wanted)
        after = None if cursor is None else self._cursors.open(walk, cursor)
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            if not await connection.fetchval(_EXISTS, msp_id, client_id):
                raise DeviceNotFound
            kept = await _kept_since(connection, msp_id, now)
            parameters = Parameters(msp_id, client_id, now, kept)
            matching = _matching(wanted, parameters)
            total = await connection.fetchval(
                f"select count(*) from {matching}", *parameters.values
            )
            page = _page(matching, limit, after, parameters)
            rows = await connection.fetch(page, *parameters.values)
        more = len(rows) > limit
        rows = rows[:limit]
        return Page(
            [_step(row) for row in rows],
            total,
            self._cursors.seal(walk, [micros(rows[-1]["at"])]) if more else None,
        )

    async def device_availability(
        self,
        msp_id: MspId,
        client_id: ClientId,
        since: datetime | None,
        until: datetime | None,
    ) -> Availability:
        """A device's, in whatever organization; the last day by default.

        DeviceNotFound; Invalid for a window that is empty.
        """
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            window = _window(since, until, now, await _kept_since(connection, msp_id, now))
            found = await availability.of_device(connection, msp_id, client_id, window, now)
        if found is None:
            raise DeviceNotFound
        return found

    async def organization_availability(
        self,
        msp_id: MspId,
        org_id: OrgId,
        since: datetime | None,
        until: datetime | None,
    ) -> Availability:
        """The sum over the devices an organization had; the last day by default.

        OrganizationNotFound; Invalid for a window that is empty.
        """
        now = self._clock.now()
        async with self._tenancy.reading(msp_id) as connection:
            window = _window(since, until, now, await _kept_since(connection, msp_id, now))
            found = await availability.of_organization(connection, msp_id, org_id, window, now)
        if found is None:
            raise OrganizationNotFound
        return found


_EXISTS = "select exists (select from devices where msp_id = $1 and client_id = $2)"
_ALL = f"""(
        select h.at, h.state_before, h.state_after, h.cause from device_transitions h
         where h.msp_id = $1 and h.client_id = $2
        union all
        select s.at, s.state_before, s.state_after, s.cause
          from devices d
          join organizations o on o.msp_id = $1 and o.org_id = d.org_id
         {walked_sql("$3")} {STEPS}
         where d.msp_id = $1 and d.client_id = $2
    ) steps where at >= $4"""


async def _kept_since(connection: PoolConnectionProxy, msp_id: MspId, now: datetime) -> datetime:
    return now - (await retention.read(connection, msp_id)).status_history


def _walk(msp_id: MspId, client_id: ClientId, wanted: StepFilter) -> Sequence[str | None]:
    ends = [None if end is None else str(end) for end in (wanted.since, wanted.until)]
    return [str(msp_id), "status-history", str(client_id), *ends]


def _matching(wanted: StepFilter, parameters: Parameters) -> str:
    conditions = [_ALL]
    if wanted.since is not None:
        conditions.append(f"at >= {parameters.add(wanted.since)}")
    if wanted.until is not None:
        conditions.append(f"at <= {parameters.add(wanted.until)}")
    return " and ".join(conditions)


def _page(
    matching: str, limit: int, after: Sequence[CursorKey] | None, parameters: Parameters
) -> str:
    if after is not None:
        matching += f" and at < {parameters.add(micros_to_instant(after[0]))}"
    return f"select * from {matching} order by at desc limit {parameters.add(limit + 1)}"


def _step(row: Record) -> Step:
    before, after = row["state_before"], row["state_after"]
    return Step(
        row["at"],
        None if before is None else State.from_number(before),
        None if after is None else State.from_number(after),
        row["cause"],
    )


def _window(
    since: datetime | None, until: datetime | None, now: datetime, kept: datetime
) -> Window:
    """The stretch asked for, as far as it is over and kept."""
    until = min(until or now, now)
    since = since or until - _DEFAULT_WINDOW
    if since >= until:
        raise Invalid("from must be before to, and before now")
    if kept >= until:
        raise Invalid("to must be later: history is not kept that long")
    return Window(max(since, kept), until)
