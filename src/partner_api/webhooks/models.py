"""Webhooks, what waits to be delivered to them, and what became of the rest."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class Webhook(MspOwned, Base):
    """An address that hears of events, and how it has been doing."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index(
            "webhooks_behind_idx",
            "msp_id",
            "webhook_id",
            postgresql_where=text("caught_up_to is not null"),
        ),
    )

    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    org_id: Mapped[UUID | None]
    """Of which organization's events it hears; of all when null."""
    description: Mapped[str | None] = mapped_column(Text)
    is_enabled: Mapped[bool] = mapped_column(Boolean)
    sealed_secret: Mapped[str] = mapped_column(Text)
    previous_sealed_secret: Mapped[str | None] = mapped_column(Text)
    previous_until: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    failing_since: Mapped[datetime | None] = mapped_column(Instant)
    """When the first of the attempts failed that all have failed since."""
    suspended_at: Mapped[datetime | None] = mapped_column(Instant)
    caught_up_to: Mapped[int | None] = mapped_column(BigInteger)
    """The place in the log up to which its events are queued, while it is behind.

    Null while events are queued for it as they are numbered.
    """


class QueuedDelivery(MspOwned, Base):
    """An event on its way to a webhook; gone from here when it is delivered or given up.

    Of one device a webhook hears in order: only the first of its deliveries is ever due, the others
    wait with an infinite `due_at` until the one before has ended.
    """

    __tablename__ = "webhook_outbox"
    __table_args__ = (
        Index(None, "msp_id", "webhook_id", "due_at", "position"),
        Index(
            None,
            "msp_id",
            "webhook_id",
            "client_id",
            "position",
            postgresql_where=text("client_id is not null"),
        ),
    )

    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """The event's place in the log; with the webhook it is the delivery's identity."""
    kept_until: Mapped[datetime] = mapped_column(Instant)
    """The event's, and so the delivery's."""
    client_id: Mapped[UUID | None]
    due_at: Mapped[datetime] = mapped_column(Instant)
    """When it is attempted next; while a worker has it, when another may take it over."""
    is_claimed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    claims: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How often a worker took it: whoever holds an older claim may not say what became of it."""
    failures: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """How many attempts failed since it was queued, the last time that it was."""
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    """All that were made, oldest first, those before it was queued again included."""


class EndedDelivery(MspOwned, Base):
    """A delivery that needs nothing more; kept as long as its event, by the day."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        # For those who look for the few that failed.
        Index(
            "webhook_deliveries_failed_idx",
            "msp_id",
            "webhook_id",
            "position",
            postgresql_where=text("not is_delivered"),
        ),
        {"postgresql_partition_by": "RANGE (kept_until)"},
    )

    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kept_until: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    is_delivered: Mapped[bool] = mapped_column(Boolean)
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class Replay(MspOwned, Base):
    """A stretch of the log that is being queued again for a webhook; gone when that is done."""

    __tablename__ = "webhook_replays"

    webhook_id: Mapped[UUID] = mapped_column(primary_key=True)
    replay_id: Mapped[UUID] = mapped_column(primary_key=True)
    from_at: Mapped[datetime] = mapped_column(Instant)
    to_at: Mapped[datetime] = mapped_column(Instant)
    """Of what happened before this moment."""
    looked_to: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_position: Mapped[int] = mapped_column(BigInteger)
    """Where the log ended when the replay was asked for."""
