"""The statements of device lists, put together from what is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from partner_api.devices.health import live_state_sql, matching_states
from partner_api.fleet.search import contains_sql
from partner_api.fleet.sorts import QUIET, Sort
from partner_api.fleet.types import DeviceFilter, SortOrder
from partner_api.kernel.ids import MspId
from partner_api.kernel.paging import CursorKey
from partner_api.kernel.sql import Parameters
from partner_api.status.rules import Connection, Health, Stage, State

Statement = tuple[str, Sequence[object]]
Position = Sequence[CursorKey] | None

WALKED = 20_000
"""So many devices are walked past for a page of those that match; a tenth of a second or so."""
LATE_SECONDS = 60
"""More than a stored state may lag: two seconds for the sweep, and however long a check-in was on
its way from the instant it was judged at to its commit."""


@dataclass(frozen=True)
class Selection:
    """Which of an MSP's devices are wanted, and by what they may be found."""

    msp_id: MspId
    wanted: DeviceFilter
    now: datetime
    fresh: bool
    """Whether what is stored speaks of now."""
    found: Sequence[UUID] | None = None
    """Those whose text matches, where they are few."""

    @property
    def states(self) -> Sequence[int]:
        """The numbers of the states that are let through."""
        return matching_states(self.wanted.health, self.wanted.connection)

    @property
    def is_quiet(self) -> bool:
        """Whether every device that matches is offline."""
        return all(State.from_number(each).stage >= Stage.OFFLINE for each in self.states)

    @property
    def may_be_quiet(self) -> bool:
        """Whether a device that matches may be offline."""
        return any(State.from_number(each).stage >= Stage.OFFLINE for each in self.states)

    @property
    def matches_many(self) -> bool:
        """Whether a text is wanted that more devices contain than are found by it."""
        return self.wanted.text is not None and self.found is None


def one_statement() -> str:
    """One device: of an MSP, by its key, at an instant."""
    return _fleet("devices", "d.msp_id = $1 and d.client_id = $2", "$3")


def page_statement(
    selection: Selection, sort: Sort, order: SortOrder, limit: int, after: Position
) -> Statement:
    """A page in its order, and one row more if there is one."""
    parameters = Parameters(selection.msp_id, selection.now)
    where = _where(selection, parameters)
    if selection.wanted.text is None or (selection.found is not None and sort.leads_to_keys):
        fleet = _fleet("devices", where, "$2")
    else:
        # By itself, or the planner may walk the list to its end for those that match.
        fleet = _fleet(f"(select d.* from devices d where {where} offset 0)", "true", "$2")
    conditions = [_judged(selection, parameters)]
    if after is not None:
        conditions.append(sort.beyond(after, order, parameters))
    return _page(fleet, conditions, sort, order, limit, parameters)


def walked_page_statement(
    selection: Selection, sort: Sort, order: SortOrder, limit: int, after: Position
) -> Statement:
    """The same where many match: among the next devices of the list in its order.

    A page that is not full says nothing of the devices further on.
    """
    parameters = Parameters(selection.msp_id, selection.now)
    where = [_stored(selection, parameters)]
    if after is not None:
        where.append(sort.beyond(after, order, parameters))
    walked = f"""(
        select * from devices d where {" and ".join(where)}
         order by {sort.order_by(order)} limit {WALKED})"""
    fleet = _fleet(walked, _contains(selection, parameters), "$2")
    return _page(fleet, [_judged(selection, parameters)], sort, order, limit, parameters)


def quiet_page_statement(
    selection: Selection, order: SortOrder, limit: int, after: Position
) -> Statement:
    """The same by last seen, of devices that are offline; while what is stored speaks of now.

    Where others match too, only as far as none of them can come between: every device that is not
    offline was seen more recently.
    """
    parameters = Parameters(selection.msp_id, selection.now)
    fleet = _fleet("devices", _where(selection, parameters), "$2")
    conditions = ["quiet_since is not null", _judged(selection, parameters)]
    if not selection.is_quiet:
        conditions.append(_BEFORE_OTHERS)
    if after is not None:
        conditions.append(QUIET.beyond(after, order, parameters))
    return _page(fleet, conditions, QUIET, order, limit, parameters)


def count_statement(selection: Selection) -> Statement:
    """How many match; by what is stored, if that speaks of now, as counters tell it too."""
    parameters = Parameters(selection.msp_id)
    if selection.wanted == DeviceFilter(text=selection.wanted.text):
        contains = contains_sql("t.text", parameters.add(selection.wanted.text))
        counted = f"device_texts t where t.msp_id = $1 and {contains}"
    elif selection.fresh:
        counted = f"devices d where {_where(selection, parameters)}"
    else:
        now = parameters.add(selection.now)
        fleet = _fleet("devices", _where(selection, parameters), now)
        counted = f"({fleet}) fleet where {_judged(selection, parameters)}"
    return f"select count(*) from {counted}", parameters.values


# The longest that a device may be silent without being offline, by what organizations chose; while
# what is stored speaks of now, devices follow that.
_BEFORE_OTHERS = f"""quiet_since < $2::timestamptz - interval '1 second' * ({LATE_SECONDS} + (
    select max(o.online_seconds) from organizations o where o.msp_id = $1))"""


def _page(
    fleet: str,
    conditions: Sequence[str],
    sort: Sort,
    order: SortOrder,
    limit: int,
    parameters: Parameters,
) -> Statement:
    statement = f"""
        select * from ({fleet}) fleet where {" and ".join(conditions)}
         order by {sort.order_by(order)} limit {parameters.add(limit + 1)}"""
    return statement, parameters.values


def _fleet(devices: str, where: str, now: str) -> str:
    return f"""
            select d.client_id, d.msp_id, d.org_id, d.current_version, d.os, d.os_version, d.arch,
                   d.channel, d.last_seen, d.check_in_count, d.serial_number, d.asset_id,
                   d.user_name, d.user_email, d.referrer, d.version_sort, d.asset_sort,
                   d.health, d.quiet_since, {live_state_sql(now)} as state
              from {devices} d
              -- Left, though every device has one: else the planner may start with organizations.
              -- The tenant is the parameter, or a distributed database may not see that it is one.
              left join organizations o on o.msp_id = $1 and o.org_id = d.org_id
             where {where}"""


def _where(selection: Selection, parameters: Parameters) -> str:
    """What is stored and what is said by a device `d` that matches."""
    conditions = [_stored(selection, parameters)]
    if selection.found is not None:
        conditions.append(f"d.client_id = any({parameters.add(selection.found)}::uuid[])")
    elif selection.wanted.text is not None:
        conditions.append(_contains(selection, parameters))
    return " and ".join(conditions)


def _contains(selection: Selection, parameters: Parameters) -> str:
    return f"""exists (
        select 1 from device_texts t
         where t.msp_id = $1 and t.client_id = d.client_id
           and {contains_sql("t.text", parameters.add(selection.wanted.text))})"""


def _stored(selection: Selection, parameters: Parameters) -> str:
    wanted = selection.wanted
    conditions = ["d.msp_id = $1"]
    if wanted.org_id is not None:
        conditions.append(f"d.org_id = {parameters.add(wanted.org_id)}")
    # A device that changed in the seconds since is left out.
    if selection.fresh and wanted.health is not None:
        number = list(Health).index(wanted.health) + 1
        conditions.append(f"d.health = {parameters.add(number)}::smallint")
    if selection.fresh and wanted.connection is not None:
        number = list(Connection).index(wanted.connection)
        conditions.append(f"least(d.stage, 2) = {parameters.add(number)}::integer")
    return " and ".join(conditions)


def _judged(selection: Selection, parameters: Parameters) -> str:
    """What holds at the request's instant of a device that matches."""
    if selection.wanted.health is None and selection.wanted.connection is None:
        return "true"
    # As an argument of coalesce: an expression compared with = is taken to match next to nothing,
    # and a whole tenant would be read and sorted for one page.
    return f"coalesce(state = any({parameters.add(selection.states)}::smallint[]), false)"
