"""The log of what happened, and what comes before it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class InboxEvent(MspOwned, Base):
    """Something that happened, written with it, until it has its place in the log."""

    __tablename__ = "event_inbox"

    inbox_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    happened_at: Mapped[datetime] = mapped_column(Instant)
    org_id: Mapped[UUID | None]
    client_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class LoggedEvent(MspOwned, Base):
    """An event at its place; one partition for each day that events may go on."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "msp_id", "client_id", "position"),
        Index(None, "msp_id", "org_id", "position"),
        {"postgresql_partition_by": "RANGE (kept_until)"},
    )

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    happened_at: Mapped[datetime] = mapped_column(Instant)
    org_id: Mapped[UUID | None]
    client_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    kept_until: Mapped[datetime] = mapped_column(Instant, primary_key=True)


class EventLog(MspOwned, Base):
    """How far an MSP's log has come."""

    __tablename__ = "event_logs"

    last_position: Mapped[int] = mapped_column(BigInteger, server_default="0")


class EventInterest(MspOwned, Base):
    """Until when somebody wants to hear of an MSP's check-ins; webhooks want to for ever."""

    __tablename__ = "event_interests"

    source: Mapped[str] = mapped_column(Text, primary_key=True)
    """`followers` or `webhooks`."""
    until: Mapped[datetime] = mapped_column(Instant)


class ServerPresence(Base):
    """The one row that says when a server was last there, and when it came back after a while."""

    __tablename__ = "server_presence"
    __table_args__ = (CheckConstraint("is_only", name="one_row"),)

    is_only: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    seen_at: Mapped[datetime | None] = mapped_column(Instant)
    resumed_at: Mapped[datetime | None] = mapped_column(Instant)
