"""Credentials: how an MSP's programs prove who they are."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class Credential(MspOwned, Base):
    """A client id and the SHA-256 of its secret."""

    __tablename__ = "credentials"
    __table_args__ = (ForeignKeyConstraint(["msp_id"], ["msps.msp_id"]),)

    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of the secret before, which holds until `previous_until`."""
    previous_until: Mapped[datetime | None] = mapped_column(Instant)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    enabled: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
