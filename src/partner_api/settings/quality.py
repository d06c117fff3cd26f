"""Up to which measures an MSP calls a network good or degraded."""

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import MspId
from partner_api.settings.names import DEFAULTS, Setting
from partner_api.status.quality import Limits

_CHOSEN = "select name, value from msp_settings where msp_id = $1 and name = any($2::text[])"
_FIELDS = {
    "good_latency_ms": Setting.GOOD_LATENCY,
    "degraded_latency_ms": Setting.DEGRADED_LATENCY,
    "good_jitter_ms": Setting.GOOD_JITTER,
    "degraded_jitter_ms": Setting.DEGRADED_JITTER,
    "good_packet_loss_pct": Setting.GOOD_PACKET_LOSS,
    "degraded_packet_loss_pct": Setting.DEGRADED_PACKET_LOSS,
}


async def read(connection: PoolConnectionProxy, msp_id: MspId) -> Limits:
    """What an MSP chose, or the server's."""
    rows = await connection.fetch(_CHOSEN, msp_id, list(_FIELDS.values()))
    values = {**DEFAULTS, **{Setting(row["name"]): row["value"] for row in rows}}
    return Limits(**{field: values[setting] for field, setting in _FIELDS.items()})
