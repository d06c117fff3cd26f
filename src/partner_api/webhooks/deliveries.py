"""What was delivered to a webhook, what could not be, and what is under way; and once more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Conflict, Invalid, NotFound
from partner_api.kernel.ids import MspId, uuid7
from partner_api.kernel.paging import CursorSigner
from partner_api.kernel.sql import Parameters
from partner_api.tenancy.session import TenantSession
from partner_api.tenancy.tenancy import Tenancy
from partner_api.webhooks import repository
from partner_api.webhooks.models import Replay
from partner_api.webhooks.service import WebhookNotFound, require_active_webhook
from partner_api.webhooks.types import Attempt, DeliveryStatus, DeliveryView

MOST_REPLAYS = 3
"""How many of one webhook's may be under way."""

_EXISTS = "select exists (select from webhooks where msp_id = $1 and webhook_id = $2)"
_decode_attempts = msgspec.json.Decoder(list[Attempt]).decode


class DeliveryNotFound(NotFound):
    """No such delivery, or its event is no longer kept."""

    def __init__(self) -> None:
        super().__init__("Delivery not found")


class TooManyReplays(Conflict):
    """As many replays of the webhook are under way as may be."""

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_REPLAYS} replays of this webhook are under way already; wait until one is done"
        )


@dataclass(frozen=True)
class DeliveryPage:
    """A page of deliveries; nobody counts them, so it has no total."""

    rows: Sequence[DeliveryView]
    next_cursor: str | None


class Deliveries:
    """Reads what became of events on their way to webhooks."""

    def __init__(self, tenancy: Tenancy, cursors: CursorSigner) -> None:
        self._tenancy = tenancy
        self._cursors = cursors

    async def list(
        self,
        msp_id: MspId,
        webhook_id: UUID,
        status: DeliveryStatus | None,
        limit: int,
        cursor: str | None,
    ) -> DeliveryPage:
        """A page of a webhook's deliveries, newest event first.

        WebhookNotFound; Invalid for a foreign cursor.
        """
        walk = [str(msp_id), "deliveries", str(webhook_id), status]
        before = None if cursor is None else self._cursors.open(walk, cursor)
        async with self._tenancy.reading(msp_id) as connection:
            if not await connection.fetchval(_EXISTS, msp_id, webhook_id):
                raise WebhookNotFound
            parameters = Parameters(msp_id, webhook_id)
            place = "" if before is None else f" and position < {parameters.add(before[0])}"
            statement = _statement(status, place, parameters.add(limit + 1))
            rows = await connection.fetch(statement, *parameters.values)
        more = len(rows) > limit
        rows = rows[:limit]
        return DeliveryPage(
            [_view(row) for row in rows],
            self._cursors.seal(walk, [rows[-1]["position"]]) if more else None,
        )

    async def get(self, msp_id: MspId, webhook_id: UUID, position: int) -> DeliveryView:
        """One delivery; DeliveryNotFound."""
        async with self._tenancy.reading(msp_id) as connection:
            statement = _statement(None, " and position = $3", "1")
            row = await connection.fetchrow(statement, msp_id, webhook_id, position)
        if row is None:
            raise DeliveryNotFound
        return _view(row)


async def redeliver(session: TenantSession, webhook_id: UUID, position: int, clock: Clock) -> None:
    """Deliver an event once more, at once or after earlier ones of its device.

    WebhookNotFound, WebhookNotActive, DeliveryNotFound.
    """
    await require_active_webhook(session, webhook_id)
    now = clock.now()
    if await repository.hasten(session, webhook_id, position, now):
        return
    event = await repository.get_event(session, position)
    ended = None if event is None else await repository.take_ended(session, webhook_id, event)
    if event is None or ended is None:
        raise DeliveryNotFound
    await repository.queue_again(session, webhook_id, event, ended, now)


async def replay(
    session: TenantSession,
    webhook_id: UUID,
    from_at: datetime,
    to_at: datetime | None,
    clock: Clock,
) -> Replay:
    """Deliver what happened between two instants, once more or for the first time.

    Invalid, WebhookNotFound, WebhookNotActive, TooManyReplays.
    """
    now = clock.now()
    to_at = min(to_at or now, now)
    if from_at >= to_at:
        raise Invalid("from must be before to, and before now")
    await require_active_webhook(session, webhook_id)
    if await repository.count_replays(session, webhook_id) >= MOST_REPLAYS:
        raise TooManyReplays
    wanted = Replay(
        webhook_id=webhook_id,
        replay_id=uuid7(now),
        from_at=from_at,
        to_at=to_at,
        looked_to=await repository.get_first_position(session) - 1,
        last_position=await repository.get_last_position(session),
    )
    session.add(wanted)
    await session.flush()
    return wanted


def _statement(status: DeliveryStatus | None, place: str, limit: str) -> str:
    conditions = f"msp_id = $1 and webhook_id = $2{place}"
    shown = f"order by position desc limit {limit}"
    pending = f"""
        (select position, null::boolean as is_delivered, attempts,
                case when not is_claimed and due_at < 'infinity' then due_at end as next_attempt_at
           from webhook_outbox where {conditions} {shown})"""
    ended = f"""
        (select position, is_delivered, attempts, null::timestamptz as next_attempt_at
           from webhook_deliveries where {conditions}{_ENDED.get(status, "")} {shown})"""
    if status is None:
        return f"select * from ({pending} union all {ended}) d {shown}"
    return pending if status is DeliveryStatus.PENDING else ended


_ENDED: Mapping[DeliveryStatus | None, str] = {
    DeliveryStatus.DELIVERED: " and is_delivered",
    DeliveryStatus.FAILED: " and not is_delivered",
}
_STATUSES = {
    None: DeliveryStatus.PENDING,
    True: DeliveryStatus.DELIVERED,
    False: DeliveryStatus.FAILED,
}


def _view(row: Record) -> DeliveryView:
    return DeliveryView(
        position=row["position"],
        status=_STATUSES[row["is_delivered"]],
        attempts=_decode_attempts(row["attempts"]),
        next_attempt_at=row["next_attempt_at"],
    )
