"""A device's log, newest entries first."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from partner_api.devices.service import DeviceNotFound
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import ClientId, MspId
from partner_api.kernel.paging import CursorKey, CursorSigner, micros, micros_to_instant
from partner_api.kernel.sql import Parameters
from partner_api.logs.severity import Severity
from partner_api.logs.types import LogFilter, LogView
from partner_api.settings.retention import read as read_retention
from partner_api.tenancy.tenancy import Tenancy

_ENROLLMENT = "select enrollment_id from devices where msp_id = $1 and client_id = $2"


@dataclass(frozen=True)
class LogPage:
    """A page of a log; nobody counts a log, so it has no total."""

    rows: Sequence[LogView]
    next_cursor: str | None


class Logs:
    """Reads what devices reported since they enrolled."""

    def __init__(self, tenancy: Tenancy, cursors: CursorSigner, clock: Clock) -> None:
        self._tenancy = tenancy
        self._cursors = cursors
        self._clock = clock

    async def list(
        self,
        msp_id: MspId,
        client_id: ClientId,
        wanted: LogFilter,
        limit: int,
        cursor: str | None,
    ) -> LogPage:
        """A page of one device's log; DeviceNotFound, Invalid for a foreign cursor.

        Entries older than the MSP's own retention are not shown.
        """
        walk = _walk(msp_id, client_id, wanted)
        after = None if cursor is None else self._cursors.open(walk, cursor)
        async with self._tenancy.reading(msp_id) as connection:
            enrollment = await connection.fetchval(_ENROLLMENT, msp_id, client_id)
            if enrollment is None:
                raise DeviceNotFound
            retention = await read_retention(connection, msp_id)
            oldest = self._clock.now() - retention.logs
            parameters = Parameters(msp_id, client_id, enrollment, oldest)
            statement = _statement(wanted, limit, after, parameters)
            rows = await connection.fetch(statement, *parameters.values)
        more = len(rows) > limit
        rows = rows[:limit]
        position = [micros(rows[-1]["logged_at"]), str(rows[-1]["log_id"])] if more else []
        return LogPage(
            [LogView(row["logged_at"], Severity(row["severity"]), row["payload"]) for row in rows],
            self._cursors.seal(walk, position) if more else None,
        )


def _statement(
    wanted: LogFilter, limit: int, after: Sequence[CursorKey] | None, parameters: Parameters
) -> str:
    conditions = ["msp_id = $1 and client_id = $2 and enrollment_id = $3 and logged_at >= $4"]
    if wanted.since is not None:
        conditions.append(f"logged_at >= {parameters.add(wanted.since)}")
    if wanted.until is not None:
        conditions.append(f"logged_at <= {parameters.add(wanted.until)}")
    if wanted.severity is not None:
        conditions.append(f"severity = {parameters.add(int(wanted.severity))}")
    if after is not None:
        instant, log_id = micros_to_instant(after[0]), UUID(str(after[1]))
        conditions.append(
            f"(logged_at, log_id) < ({parameters.add(instant)}, {parameters.add(log_id)})"
        )
    return f"""
        select logged_at, log_id, severity, payload from logs
         where {" and ".join(conditions)}
         order by logged_at desc, log_id desc limit {parameters.add(limit + 1)}"""


def _walk(msp_id: MspId, client_id: ClientId, wanted: LogFilter) -> Sequence[str | None]:
    filters = [wanted.since, wanted.until, wanted.severity]
    return [str(msp_id), "logs", str(client_id), *(None if f is None else str(f) for f in filters)]
