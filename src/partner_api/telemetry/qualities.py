"""How devices' networks fare at an instant, as lists of devices show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import MspId
from partner_api.status.quality import Level
from partner_api.telemetry.live import level_at
from partner_api.telemetry.moments import to_millis


@dataclass(frozen=True, slots=True)
class NetworkQuality:
    """Of one device: medians of the quarter of an hour up to `sampled_at`, in ms and percent."""

    overall: Level
    latency: float | None
    jitter: float | None
    loss: float | None
    sampled_at: datetime


_QUALITIES = """
    select client_id, level, latency, jitter, loss, sampled_at from network_live
     where msp_id = $1 and client_id = any($2::uuid[]) and sampled_at is not null"""


async def read_qualities(
    connection: PoolConnectionProxy, msp_id: MspId, client_ids: Sequence[UUID], now: datetime
) -> Mapping[UUID, NetworkQuality]:
    """Of those among the devices that ever told of their network."""
    rows = await connection.fetch(_QUALITIES, msp_id, client_ids)
    return {
        row["client_id"]: NetworkQuality(
            level_at(row["level"], to_millis(row["sampled_at"]), to_millis(now)),
            _unit(row["latency"]),
            _unit(row["jitter"]),
            _unit(row["loss"]),
            row["sampled_at"],
        )
        for row in rows
    }


def _unit(thousandths: int | None) -> float | None:
    return None if thousandths is None else thousandths / 1000
