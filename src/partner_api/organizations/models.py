"""Organizations: an MSP's customers, each with its devices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant, Sortable
from partner_api.tenancy.models import MspOwned


class Organization(MspOwned, Base):
    """One customer of an MSP."""

    __tablename__ = "organizations"
    __table_args__ = (
        ForeignKeyConstraint(["msp_id"], ["msps.msp_id"]),
        UniqueConstraint("msp_id", "slug"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_sort: Mapped[str] = mapped_column(Sortable)
    slug: Mapped[str] = mapped_column(Sortable)
    created_at: Mapped[datetime] = mapped_column(Instant)
