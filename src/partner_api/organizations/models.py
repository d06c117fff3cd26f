"""Organizations: an MSP's customers, each with its devices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant, Sortable
from partner_api.status.rules import STATES
from partner_api.tenancy.models import MspOwned


class Organization(MspOwned, Base):
    """One customer of an MSP."""

    __tablename__ = "organizations"
    __table_args__ = (
        ForeignKeyConstraint(["msp_id"], ["msps.msp_id"]),
        UniqueConstraint("msp_id", "slug"),
        Index(None, "msp_id", postgresql_where=text("settings_changed_at is not null")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_sort: Mapped[str] = mapped_column(Sortable)
    slug: Mapped[str] = mapped_column(Sortable)
    created_at: Mapped[datetime] = mapped_column(Instant)
    streaming_seconds: Mapped[int] = mapped_column(Integer, server_default="300")
    """This and the next three: the settings in force, the MSP's and the organization's in one."""
    online_seconds: Mapped[int] = mapped_column(Integer, server_default="3600")
    critical_seconds: Mapped[int] = mapped_column(Integer, server_default="86400")
    offline_event_seconds: Mapped[int] = mapped_column(Integer, server_default="3600")
    check_in_interval_seconds: Mapped[int | None] = mapped_column(Integer)
    """Null where nobody chose one: the server's."""
    settings_changed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When they last changed, until every device follows them."""


class OrganizationCounters(MspOwned, Base):
    """How many of an organization's devices are in each state; one row, made with it.

    Moved in the transaction that moves a device's state, and by nothing else.
    """

    __tablename__ = "organization_counters"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            ondelete="CASCADE",
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    streaming_current: Mapped[int] = mapped_column(Integer, server_default="0")
    streaming_outdated: Mapped[int] = mapped_column(Integer, server_default="0")
    idle_current: Mapped[int] = mapped_column(Integer, server_default="0")
    idle_outdated: Mapped[int] = mapped_column(Integer, server_default="0")
    offline_current: Mapped[int] = mapped_column(Integer, server_default="0")
    offline_outdated: Mapped[int] = mapped_column(Integer, server_default="0")
    lost_current: Mapped[int] = mapped_column(Integer, server_default="0")
    lost_outdated: Mapped[int] = mapped_column(Integer, server_default="0")


COUNTERS = tuple(
    f"{state.stage.name.lower()}_{'current' if state.is_current else 'outdated'}"
    for state in STATES
)
"""The counters' columns, one for each of `status.rules.STATES` in order."""
