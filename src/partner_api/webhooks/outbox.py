"""What is queued for webhooks: taken to be attempted, and what became of it written down."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from asyncpg import Record

from partner_api.database.pools import acquired
from partner_api.kernel.clock import Clock
from partner_api.kernel.ids import MspId
from partner_api.webhooks.schedule import SUSPENDED_AFTER, Verdict

_WAITING = "select * from waiting_webhooks($1)"
_CLAIM = "select * from claim_deliveries($1, $2, $3, $4)"
_SETTLE = "select settle_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_SUSPEND = "select suspend_webhook($1, $2, $3, $4)"


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to attempt, for less than a minute."""

    msp_id: MspId
    webhook_id: UUID
    position: int
    number: int
    """How many were made on this delivery; an older one counts for nothing."""
    failures: int
    due_at: datetime
    url: str
    sealed_secrets: Sequence[str] = field(repr=False)
    """The present one and, while it is being replaced, the one before."""
    event: Record | None = field(repr=False)
    """As the log has it; None when it is no longer kept."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a claim."""

    claim: Claim
    next_at: datetime | None
    """When it is tried again; None when it has ended."""
    verdict: Verdict | None = None
    """None when no attempt was made."""
    attempt: Mapping[str, object] | None = None
    """The attempt as it is kept for people to read."""


class Outbox:
    """The queue as a worker sees it, over connections of a pool. Unavailable, from all of it."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def waiting(self) -> Mapping[MspId, Sequence[UUID]]:
        """Webhooks with deliveries that are due, by their MSPs."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_WAITING, self._clock.now())
        waiting: dict[MspId, list[UUID]] = defaultdict(list)
        for row in rows:
            waiting[MspId(row["msp_id"])].append(row["webhook_id"])
        return waiting

    async def claim(
        self, msp_id: MspId, webhook_ids: Sequence[UUID], limit: int
    ) -> Sequence[Claim]:
        """Take up to `limit` due deliveries to an MSP's webhooks, a few of each."""
        async with acquired(self._pool) as connection:
            rows = await connection.fetch(_CLAIM, msp_id, webhook_ids, limit, self._clock.now())
        return [_claim(msp_id, row) for row in rows]

    async def settle(self, msp_id: MspId, results: Sequence[Result]) -> None:
        """Write down what became of an MSP's deliveries, and suspend webhooks that fail too long.

        A result is ignored when another worker has claimed the delivery since.
        """
        now = self._clock.now()
        failing_before = now - SUSPENDED_AFTER
        rows = [_row(result) for result in results]
        columns = (list(column) for column in zip(*rows, strict=True))
        async with acquired(self._pool) as connection:
            failing = await connection.fetch(_SETTLE, msp_id, *columns, failing_before, now)
            for (webhook_id,) in failing:
                await connection.execute(_SUSPEND, msp_id, webhook_id, failing_before, now)


def _claim(msp_id: MspId, row: Record) -> Claim:
    secrets = (row["sealed_secret"], row["previous_sealed_secret"])
    return Claim(
        msp_id=msp_id,
        webhook_id=row["webhook_id"],
        position=row["position"],
        number=row["claims"],
        failures=row["failures"],
        due_at=row["due_at"],
        url=row["url"],
        sealed_secrets=[secret for secret in secrets if secret is not None],
        event=None if row["type"] is None else row,
    )


def _row(result: Result) -> tuple[object, ...]:
    attempt = result.attempt
    return (
        result.claim.webhook_id,
        result.claim.position,
        result.claim.number,
        result.verdict,
        None if attempt is None else msgspec.json.encode(attempt).decode(),
        result.next_at,
    )
