"""Steps devices took."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class DeviceTransition(MspOwned, Base):
    """One step of one device, at the moment it happened; one partition a month.

    Written with the device's row and its organization's counters, and never changed.
    """

    __tablename__ = "device_transitions"
    __table_args__ = (
        Index(None, "msp_id", "org_id", "at"),
        Index(
            None,
            "msp_id",
            "from_org_id",
            "at",
            postgresql_where=text("from_org_id is not null"),
        ),
        # Steps of a whole MSP are counted from the index alone.
        Index(None, "msp_id", "at", postgresql_include=["state_before", "state_after"]),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    org_id: Mapped[UUID]
    """The organization the device belongs to from now on, or did until it was deleted."""
    from_org_id: Mapped[UUID | None]
    """Where a moved device came from."""
    state_before: Mapped[int | None] = mapped_column(SmallInteger)
    """As `status.rules.state` numbers it; null for a device that just enrolled."""
    state_after: Mapped[int | None] = mapped_column(SmallInteger)
    """Null for a device that was deleted."""
    cause: Mapped[str] = mapped_column(Text)
