"""What is kept of what devices send."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class CheckInTally(MspOwned, Base):
    """Check-ins one statement took, until they are counted; written with their devices."""

    __tablename__ = "check_in_tallies"
    __table_args__ = ({"postgresql_with": {"toast_tuple_target": 8160}},)

    enrollment_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The first one's device, in the life it had."""
    seen_at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    """When the first one was observed."""
    org_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    """Of each the organization it was taken in."""
    moments: Mapped[list[datetime]] = mapped_column(ARRAY(Instant))
    """Of each when it was observed."""


class CheckInCount(MspOwned, Base):
    """How many check-ins were observed in each minute of an hour; one partition a month."""

    __tablename__ = "check_in_counts"
    __table_args__ = ({"postgresql_partition_by": "RANGE (hour)"},)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    """An organization's, or 0 for the sum of all, deleted ones included."""
    hour: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    counts: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    """Sixty, from the hour's first minute on."""
