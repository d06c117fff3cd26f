"""Partners and the people who log in to them."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class Msp(MspOwned, Base):
    """A managed service provider: the tenant itself."""

    __tablename__ = "msps"

    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)


class Member(MspOwned, Base):
    """A person who has logged in to an MSP's account."""

    __tablename__ = "members"
    __table_args__ = (ForeignKeyConstraint(["msp_id"], ["msps.msp_id"]),)

    email: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    picture: Mapped[str | None] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    last_login_at: Mapped[datetime] = mapped_column(Instant)
