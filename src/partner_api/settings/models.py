"""Chosen values; whatever has no row is inherited."""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base
from partner_api.tenancy.models import MspOwned


class MspSetting(MspOwned, Base):
    """One value an MSP chose; it holds whatever the server's becomes."""

    __tablename__ = "msp_settings"
    __table_args__ = (ForeignKeyConstraint(["msp_id"], ["msps.msp_id"]),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[int] = mapped_column(Integer)


class OrganizationSetting(MspOwned, Base):
    """One value chosen for an organization; it holds whatever its MSP chooses."""

    __tablename__ = "organization_settings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            ondelete="CASCADE",
        ),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[int] = mapped_column(Integer)
