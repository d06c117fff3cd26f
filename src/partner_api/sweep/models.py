"""How far the sweep has come, and what it must not miss."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class SweepWatermark(Base):
    """The one row that says up to when every threshold that passed is recorded."""

    __tablename__ = "sweep_watermark"
    __table_args__ = (CheckConstraint("is_only", name="one_row"),)

    is_only: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=text("true"))
    swept_at: Mapped[datetime] = mapped_column(Instant)


class StatusHint(MspOwned, Base):
    """A device whose next threshold passes before the sweep would look at it again."""

    __tablename__ = "status_hints"

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Instant, index=True)
