"""How far back an MSP reads: what is kept longer, for another MSP's sake, it does not see."""

from dataclasses import dataclass
from datetime import timedelta

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import MspId
from partner_api.settings.names import DEFAULTS, Setting

_CHOSEN = "select name, value from msp_settings where msp_id = $1 and name = any($2::text[])"


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long each kind of record is read."""

    logs: timedelta
    status_history: timedelta
    samples: timedelta
    minutes: timedelta
    """What samples of each minute amount to."""
    hours: timedelta
    """The same of each hour."""


_FIELDS = {
    "logs": Setting.LOGS,
    "status_history": Setting.STATUS_HISTORY,
    "samples": Setting.SAMPLES,
    "minutes": Setting.MINUTES,
    "hours": Setting.HOURS,
}


async def read(connection: PoolConnectionProxy, msp_id: MspId) -> Retention:
    """What an MSP chose, or the server's."""
    rows = await connection.fetch(_CHOSEN, msp_id, list(_FIELDS.values()))
    days = {**DEFAULTS, **{Setting(row["name"]): row["value"] for row in rows}}
    return Retention(**{name: timedelta(days=days[each]) for name, each in _FIELDS.items()})
