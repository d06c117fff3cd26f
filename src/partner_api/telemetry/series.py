"""Series of a fleet over time: what each shows, and where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import MspId, OrgId
from partner_api.telemetry.windows import Buckets, WindowName


class Metric(StrEnum):
    """What a series shows."""

    HEALTH = "health"
    CONNECTIVITY = "connectivity"
    CHECK_INS = "check-ins"
    LATENCY = "latency"
    JITTER = "jitter"
    PACKET_LOSS = "packet-loss"


Values = Mapping[str, float | None]
"""A number for each of a metric's names; None for a percentile of nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose series to read, a whole MSP's or one organization's, and when."""

    msp_id: MspId
    org_id: OrgId | None
    buckets: Buckets
    now: datetime


class Source(Protocol):
    """Reads the values of every bucket, within the caller's transaction."""

    async def __call__(self, connection: PoolConnectionProxy, asked: Asked) -> Sequence[Values]:
        """As many as there are buckets, all with the same names."""


@dataclass(frozen=True, slots=True)
class Series:
    """The values of a metric in every bucket of a window."""

    metric: Metric
    window: WindowName
    bucket: timedelta
    timestamps: Sequence[datetime]
    """When each bucket begins; the last one is running."""
    values: Sequence[Values]
