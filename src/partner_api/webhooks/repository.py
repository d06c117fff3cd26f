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

# No row of these is looked at in the same session.
_AS_STORED: Any = {"synchronize_session": False}
_NEVER: ColumnElement[Any] = literal_column("'infinity'::timestamptz")
# More would take too long for a request; what is left is tried again at its own time.
_MOST_HASTENED = 20_000
# Beside the MSP's number, so that nobody else's lock is meant.
_WEBHOOKS = int.from_bytes(b"hook")

_HASTEN = text("""
    update webhook_outbox set due_at = case when due_at > :now then :now else due_at end,
                              failures = 0
     where msp_id = :msp_id and webhook_id = :webhook_id
       and position in (
           select position from webhook_outbox
            where msp_id = :msp_id and webhook_id = :webhook_id
              and not is_claimed and due_at < 'infinity' and (due_at > :now or failures > 0)
            order by due_at limit :most)""")


async def lock_webhooks(session: TenantSession) -> None:
    """Keep others from adding webhooks to the MSP until the transaction ends."""
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


async def list_webhooks_for_update(session: TenantSession) -> Sequence[Webhook]:
    """The MSP's webhooks, alone until the transaction ends."""
    locked = select(Webhook).order_by(Webhook.webhook_id).with_for_update(key_share=True)
    return (await session.scalars(locked)).all()


async def count_webhooks(session: TenantSession) -> int:
    """How many webhooks the MSP has."""
    return await session.scalar(select(func.count()).select_from(Webhook)) or 0


async def get_webhook(session: TenantSession, webhook_id: UUID) -> Webhook | None:
    """One of the MSP's webhooks."""
    return await session.get(Webhook, (session.msp_id, webhook_id))


async def get_webhook_for_update(session: TenantSession, webhook_id: UUID) -> Webhook | None:
    """One of the MSP's webhooks, and what is queued for it, alone until the transaction ends.

    Whoever claims, ends or repeats deliveries locks the webhook first. New events are queued all
    the same: they come last.
    """
    key = (session.msp_id, webhook_id)
    return await session.get(Webhook, key, with_for_update={"key_share": True})


async def delete_webhook(session: TenantSession, webhook_id: UUID) -> bool:
    """Delete a webhook and its replays; tells whether there was one.

    What is queued for it is delivered no more; the worker drops it, however much that is.
    """
    deleted = await session.execute(
        delete(Webhook).where(Webhook.webhook_id == webhook_id).returning(Webhook.webhook_id)
    )
    if deleted.first() is None:
        return False
    await session.execute(delete(Replay).where(Replay.webhook_id == webhook_id))
    return True


async def hasten_all(session: TenantSession, webhook_id: UUID, now: datetime) -> None:
    """Let what waits to be tried again be due."""
    values = {"msp_id": session.msp_id, "webhook_id": webhook_id, "now": now}
    await session.execute(_HASTEN, values | {"most": _MOST_HASTENED})


async def hasten(session: TenantSession, webhook_id: UUID, position: int, now: datetime) -> bool:
    """Let one delivery be due, unless it is being attempted or follows another of its device.

    Tells whether it is queued at all.
    """
    queued = QueuedDelivery
    is_meant = (queued.webhook_id == webhook_id) & (queued.position == position)
    if await session.scalar(select(queued.position).where(is_meant)) is None:
        return False
    waits = ~queued.is_claimed & (queued.due_at > now) & (queued.due_at < _NEVER)
    await session.execute(
        update(queued).where(is_meant, waits).values(due_at=now).execution_options(**_AS_STORED)
    )
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
        .execution_options(**_AS_STORED)
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
        waits = await _let_follow(session, webhook_id, event.client_id, event.position)
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


async def get_first_position(session: TenantSession) -> int:
    """Where what is kept of the MSP's log begins; 1 while there is nothing."""
    return await session.scalar(select(func.min(LoggedEvent.position))) or 1


async def get_last_position(session: TenantSession) -> int:
    """Where the MSP's log ends; 0 while it is empty."""
    return await session.scalar(select(EventLog.last_position)) or 0


async def _let_follow(
    session: TenantSession, webhook_id: UUID, client_id: UUID, position: int
) -> bool:
    """Let what is queued of a device wait for a place in the log; tells if something is before."""
    queued = QueuedDelivery
    of_device = (queued.webhook_id == webhook_id) & (queued.client_id == client_id)
    later = of_device & (queued.position > position)
    is_next = ~queued.is_claimed & (queued.due_at < _NEVER)
    await session.execute(
        update(queued).where(later, is_next).values(due_at=_NEVER).execution_options(**_AS_STORED)
    )
    earlier = select(queued.position).where(of_device, queued.position < position).limit(1)
    return await session.scalar(earlier) is not None
