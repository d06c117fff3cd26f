"""Log entries, partitioned by day."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class LogEntry(MspOwned, Base):
    """One thing a device reported.

    The key is the order entries are read in: one device's present enrollment, newest first.
    """

    __tablename__ = "logs"
    __table_args__ = ({"postgresql_partition_by": "RANGE (logged_at)"},)

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    enrollment_id: Mapped[UUID] = mapped_column(primary_key=True)
    logged_at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    log_id: Mapped[UUID] = mapped_column(primary_key=True)
    severity: Mapped[int] = mapped_column(SmallInteger)
    payload: Mapped[str] = mapped_column(Text)
    """JSON text as it will be answered; Postgres never reads into it."""
