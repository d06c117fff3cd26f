"""What device lists are sorted by, as SQL and as their cursors carry it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Record

from partner_api.devices.health import health_rank_sql
from partner_api.fleet.types import DeviceSort, SortOrder
from partner_api.kernel.paging import CursorKey, micros, micros_to_instant
from partner_api.kernel.sql import Parameters
from partner_api.status.rules import Health, State


@dataclass(frozen=True)
class Sort:
    """A sort key as SQL over `fleet`, and as a cursor carries it; ties go by client id."""

    sql: str | None
    cast: str = "{}"
    read: Callable[[Record], CursorKey] | None = None
    write: Callable[[CursorKey], object] = lambda key: key
    has_index: bool = True
    """Whether the list can be walked in this order without sorting it."""
    leads_to_keys: bool = False
    """Whether that index also finds given devices in this order, by searching for each."""

    def position(self, row: Record) -> Sequence[CursorKey]:
        """Where a walk stands that has shown `row` last."""
        tie = str(row["client_id"])
        return [tie] if self.read is None else [self.read(row), tie]

    def order_by(self, order: SortOrder) -> str:
        """The walk's order."""
        keys = [self.sql, "client_id"] if self.sql else ["client_id"]
        return ", ".join(f"{key} {order}" for key in keys)

    def beyond(
        self, position: Sequence[CursorKey], order: SortOrder, parameters: Parameters
    ) -> str:
        """What lies after `position` in the walk's order."""
        sign = ">" if order is SortOrder.ASCENDING else "<"
        tie = parameters.add(position[-1]) + "::text::uuid"
        if self.sql is None:
            return f"client_id {sign} {tie}"
        key = self.cast.format(parameters.add(self.write(position[0])))
        return f"({self.sql}, client_id) {sign} ({key}, {tie})"


_NEVER = "coalesce({}, '-infinity'::timestamptz)"


def _by_last_seen(sql: str, *, has_index: bool) -> Sort:
    return Sort(
        sql,
        _NEVER.format("{}::timestamptz"),
        lambda row: micros(row["last_seen"]),
        micros_to_instant,
        has_index,
    )


SORTS: Mapping[DeviceSort, Sort] = {
    DeviceSort.STATUS: Sort(
        "health", "{}::smallint", lambda row: row["health"], leads_to_keys=True
    ),
    DeviceSort.LAST_SEEN: _by_last_seen(_NEVER.format("last_seen"), has_index=False),
    DeviceSort.VERSION: Sort("version_sort", "{}::text", lambda row: row["version_sort"]),
    DeviceSort.ASSET_ID: Sort("asset_sort", "{}::text", lambda row: row["asset_sort"]),
    DeviceSort.CLIENT_ID: Sort(None, leads_to_keys=True),
}
LIVE_STATUS = Sort(
    health_rank_sql("state"),
    "{}::integer",
    lambda row: list(Health).index(State.from_number(row["state"]).health) + 1,
    has_index=False,
)
"""By status while stored states lag: every device is judged anew to be sorted."""
QUIET = _by_last_seen("quiet_since", has_index=True)
"""By last seen among devices stored as offline, which have an index in that order."""
