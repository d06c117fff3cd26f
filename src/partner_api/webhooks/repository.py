"""Queries on webhooks, and on what is queued for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, literal_column, select, text, update
from sqlalchemy.sql import ColumnElement

from partner_api.events.models import EventLog, LoggedEvent
from partner_api.tenancy.session import TenantSession
from partner_api.webhooks.models import EndedDelivery, QueuedDelivery, Replay, Webhook

MOST_AT_ONCE = 20_000
"""How many queued deliveries one request touches; a turn of the worker's sees to the others."""

_NEVER: ColumnElement[Any] = literal_column("'infinity'::timestamptz")
# Beside the MSP's number, so that nobody else's lock is meant.
_WEBHOOKS = int.from_bytes(b"hook")

# What a worker holds is being attempted or ends just now: neither waited for nor touched.
_HASTEN = text("""
    update webhook_outbox o set due_at = :now
      from (select position from webhook_outbox
             where msp_id = :msp_id and webhook_id = :webhook_id
               and not is_claimed and due_at > :now and due_at < 'infinity'
             order by due_at limit :most for update skip locked) waiting
     where o.msp_id = :msp_id and o.webhook_id = :webhook_id and o.position = waiting.position""")
_DROP = text("""
    delete from webhook_outbox o
     using (select position from webhook_outbox
             where msp_id = :msp_id and webhook_id = :webhook_id
             order by position limit :most for update skip locked) dropped
     where o.msp_id = :msp_id and o.webhook_id = :webhook_id and o.position = dropped.position""")


async def lock_webhooks(session: TenantSession) -> None:
    """Have what requests change about the MSP's webhooks alone until the transaction ends."""
    # Two MSPs whose numbers are the same by chance wait for each other; nothing else happens.
    number = func.hashtext(str(session.msp_id))
    await session.execute(select(func.pg_advisory_xact_lock(_WEBHOOKS, number)))


async def note_interest(session: TenantSession) -> None:
    """Have check-ins recorded while one of the MSP's webhooks hears of them, and else not."""
    await session.flush()
    await session.execute(select(func.note_interest(session.msp_id)))


async def list_webhooks(session: TenantSession) -> Sequence[Webhook]:
    """The MSP's webhooks, oldest first."""
    rows = await session.scalars(select(Webhook).order_by(Webhook.created_at, Webhook.webhook_id))
    return rows.all()


async def count_webhooks(session: TenantSession) -> int:
    """How many webhooks the MSP has."""
    return await session.scalar(select(func.count()).select_from(Webhook)) or 0


async def get_webhook(session: TenantSession, webhook_id: UUID) -> Webhook | None:
    """One of the MSP's webhooks."""
    return await session.get(Webhook, (session.msp_id, webhook_id))


async def get_webhook_for_update(session: TenantSession, webhook_id: UUID) -> Webhook | None:
    """One of the MSP's webhooks, alone until the transaction ends."""
    # Its key does not change, so what is being queued for it need not wait.
    key = (session.msp_id, webhook_id)
    return await session.get(Webhook, key, with_for_update={"key_share": True})


async def keep_webhook(session: TenantSession, webhook_id: UUID) -> Webhook | None:
    """One of the MSP's webhooks, which nobody deletes until the transaction ends."""
    key = (session.msp_id, webhook_id)
    return await session.get(Webhook, key, with_for_update={"read": True, "key_share": True})


async def delete_webhook(session: TenantSession, webhook_id: UUID) -> bool:
    """Delete a webhook, its replays, and what is queued for it; tells whether there was one."""
    deleted = await session.execute(
        delete(Webhook).where(Webhook.webhook_id == webhook_id).returning(Webhook.webhook_id)
    )
    if deleted.first() is None:
        return False
    await session.execute(delete(Replay).where(Replay.webhook_id == webhook_id))
    await session.execute(_DROP, _of(session, webhook_id) | {"most": MOST_AT_ONCE})
    return True


async def hasten_all(session: TenantSession, webhook_id: UUID, now: datetime) -> None:
    """Let what waits to be tried again be due, in the order in which it would have been."""
    values = _of(session, webhook_id) | {"now": now, "most": MOST_AT_ONCE}
    await session.execute(_HASTEN, values)


async def hasten(session: TenantSession, webhook_id: UUID, position: int, now: datetime) -> bool:
    """Let one delivery be due, if no earlier one of its device is; tells whether it is queued."""
    queued = QueuedDelivery
    is_meant = (queued.webhook_id == webhook_id) & (queued.position == position)
    if await session.scalar(select(queued.position).where(is_meant)) is None:
        return False
    waits = ~queued.is_claimed & (queued.due_at > now) & (queued.due_at < _NEVER)
    await session.execute(update(queued).where(is_meant, waits).values(due_at=now))
    return True


async def get_event(session: TenantSession, position: int) -> LoggedEvent | None:
    """One event of the MSP's log, while it is kept."""
    return await session.scalar(select(LoggedEvent).where(LoggedEvent.position == position))


async def take_ended(
    session: TenantSession, webhook_id: UUID, event: LoggedEvent
) -> Sequence[dict[str, Any]] | None:
    """Take out a delivery that has ended; returns its attempts, None when there is none."""
    ended = EndedDelivery
    taken = await session.execute(
        delete(ended)
        .where(ended.webhook_id == webhook_id, ended.position == event.position)
        .where(ended.kept_until == event.kept_until)
        .returning(ended.attempts)
        .execution_options(synchronize_session=False)
    )
    attempts: Sequence[dict[str, Any]] | None = taken.scalar()
    return attempts


async def queue_again(
    session: TenantSession,
    webhook_id: UUID,
    event: LoggedEvent,
    attempts: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """Queue a delivery: due now, or after an earlier one of its device; later ones wait for it."""
    waits = False
    if event.client_id is not None:
        first = await _keep_first(session, webhook_id, event.client_id)
        waits = first is not None and first < event.position
        if not waits:
            await _hold_back(session, webhook_id, event)
    session.add(
        QueuedDelivery(
            webhook_id=webhook_id,
            position=event.position,
            kept_until=event.kept_until,
            client_id=event.client_id,
            due_at=_NEVER if waits else now,
            attempts=list(attempts),
        )
    )
    await session.flush()


async def count_replays(session: TenantSession, webhook_id: UUID) -> int:
    """How many replays of a webhook are under way."""
    count = select(func.count()).select_from(Replay).where(Replay.webhook_id == webhook_id)
    return await session.scalar(count) or 0


async def get_last_position(session: TenantSession) -> int:
    """Where the MSP's log ends; 0 while it is empty."""
    return await session.scalar(select(EventLog.last_position)) or 0


async def _keep_first(session: TenantSession, webhook_id: UUID, client_id: UUID) -> int | None:
    """The first of what is queued of a device; it does not end until the transaction does.

    Whoever ends it lets the next one go, and would not see one that is just being queued.
    """
    queued = QueuedDelivery
    of_device = (queued.webhook_id == webhook_id) & (queued.client_id == client_id)
    first = select(queued.position).where(of_device).order_by(queued.position).limit(1)
    while (position := await session.scalar(first)) is not None:
        same = select(queued.position).where(of_device, queued.position == position)
        if await session.scalar(same.with_for_update(read=True, key_share=True)) is not None:
            return position
    return None


async def _hold_back(session: TenantSession, webhook_id: UUID, event: LoggedEvent) -> None:
    """Let what is queued of the same device wait until this event's delivery has ended."""
    queued = QueuedDelivery
    await session.execute(
        update(queued)
        .where(queued.webhook_id == webhook_id, queued.client_id == event.client_id)
        .where(queued.position > event.position, ~queued.is_claimed, queued.due_at < _NEVER)
        .values(due_at=_NEVER)
        .execution_options(synchronize_session=False)
    )


def _of(session: TenantSession, webhook_id: UUID) -> dict[str, object]:
    return {"msp_id": session.msp_id, "webhook_id": webhook_id}
