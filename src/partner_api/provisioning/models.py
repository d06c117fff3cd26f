"""Enrollment tokens: permission to add devices to one organization."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class EnrollmentToken(MspOwned, Base):
    """The SHA-256 of a token, and how long and how often it may be used."""

    __tablename__ = "enrollment_tokens"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            ondelete="CASCADE",
        ),
        Index(None, "msp_id", "org_id", "token_id"),
    )

    token_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    max_uses: Mapped[int | None]
    uses: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Instant)
