"""What is kept of what devices send: as it came, packed by device and time, and counted.

`points`, `totals` and sketches are packed by `telemetry.packing` and `telemetry.sketch`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant
from partner_api.tenancy.models import MspOwned


class SampleInbox(MspOwned, Base):
    """Samples of one MSP's devices, written with their check-ins, until the worker takes them."""

    __tablename__ = "sample_inbox"

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Of the statement that wrote them; in order of time."""
    client_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    moments: Mapped[list[datetime]] = mapped_column(ARRAY(Instant))
    samples: Mapped[list[bytes]] = mapped_column(ARRAY(BYTEA))


class NetworkLive(MspOwned, Base):
    """A device's present hour, and how its network fares; one row for each that ever told."""

    __tablename__ = "network_live"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "client_id"], ["devices.msp_id", "devices.client_id"], ondelete="CASCADE"
        ),
        Index(None, "msp_id", "expires_at", postgresql_where=text("expires_at is not null")),
        Index(None, "msp_id", "close_at", postgresql_where=text("close_at is not null")),
        # Of columns alone that stay as they are: rows are rewritten in place. The condition, which
        # all rows meet, keeps it from who looks for a device: to plan it, while the table is empty,
        # any index is as good as the key, and here each organization would be looked at.
        Index(
            "network_live_of_organization_idx",
            "msp_id",
            "org_id",
            "client_id",
            postgresql_where=text("org_id is not null"),
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    """Where it is counted."""
    level: Mapped[int | None] = mapped_column(SmallInteger)
    """The place of its quality in `telemetry.live.LEVELS`; null when it is silent."""
    latency: Mapped[int | None] = mapped_column(Integer)
    """This and the next two: medians of the quarter of an hour that ends with `sampled_at`."""
    jitter: Mapped[int | None] = mapped_column(Integer)
    loss: Mapped[int | None] = mapped_column(Integer)
    sampled_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    """When to look whether it has fallen silent; never after that moment, null when it has."""
    close_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the oldest of `points` are to be put away."""
    closed_to: Mapped[datetime | None] = mapped_column(Instant)
    """The newest moment that was."""
    told: Mapped[int | None] = mapped_column(BigInteger)
    """A digest of what was last written to its `device_reports`."""
    points: Mapped[bytes] = mapped_column(BYTEA)


class NetworkChunk(MspOwned, Base):
    """A device's samples of an hour that is over; one partition a day."""

    __tablename__ = "network_chunks"
    __table_args__ = ({"postgresql_partition_by": "RANGE (hour)"},)

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    points: Mapped[bytes] = mapped_column(BYTEA)


class NetworkMinutes(MspOwned, Base):
    """The same hour's samples summed up by minute; one partition a day."""

    __tablename__ = "network_minutes"
    __table_args__ = ({"postgresql_partition_by": "RANGE (hour)"},)

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    totals: Mapped[bytes] = mapped_column(BYTEA)


class NetworkDay(MspOwned, Base):
    """A device's closed hours of a day, summed up by hour and in sketches; a partition a month."""

    __tablename__ = "network_days"
    __table_args__ = ({"postgresql_partition_by": "RANGE (day)"},)

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    hours: Mapped[bytes] = mapped_column(BYTEA)
    latency: Mapped[bytes] = mapped_column(BYTEA)
    jitter: Mapped[bytes] = mapped_column(BYTEA)
    loss: Mapped[bytes] = mapped_column(BYTEA)


class NetworkSketch(MspOwned, Base):
    """What an organization's devices measured in a stretch of time; one partition a day."""

    __tablename__ = "network_sketches"
    __table_args__ = ({"postgresql_partition_by": "RANGE (start)"},)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    """All zeros for the whole MSP."""
    seconds: Mapped[int] = mapped_column(Integer, primary_key=True)
    start: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    latency: Mapped[bytes] = mapped_column(BYTEA)
    jitter: Mapped[bytes] = mapped_column(BYTEA)
    loss: Mapped[bytes] = mapped_column(BYTEA)


class NetworkCounters(MspOwned, Base):
    """How many of an organization's devices have which network quality; the others are offline."""

    __tablename__ = "network_counters"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "org_id"],
            ["organizations.msp_id", "organizations.org_id"],
            ondelete="CASCADE",
        ),
        {"postgresql_with": {"fillfactor": 50}},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    good: Mapped[int] = mapped_column(Integer)
    degraded: Mapped[int] = mapped_column(Integer)
    poor: Mapped[int] = mapped_column(Integer)


class DeviceReport(MspOwned, Base):
    """What a device last said of its network, its interfaces and itself."""

    __tablename__ = "device_reports"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "client_id"], ["devices.msp_id", "devices.client_id"], ondelete="CASCADE"
        ),
        # The table is wide, and gateways are counted.
        Index(
            None,
            "msp_id",
            "client_id",
            postgresql_include=["gateway_mac"],
            postgresql_where=text("gateway_mac is not null"),
        ),
    )

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    reported_at: Mapped[datetime] = mapped_column(Instant)
    network: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    interfaces: Mapped[list[Any] | None] = mapped_column(JSONB)
    metrics: Mapped[dict[str, float] | None] = mapped_column(JSONB)
    gateway_mac: Mapped[int | None] = mapped_column(BigInteger)


class SampleDetails(MspOwned, Base):
    """The hops and metrics of one sample that has any; one partition a day."""

    __tablename__ = "sample_details"
    __table_args__ = ({"postgresql_partition_by": "RANGE (at)"},)

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    hops: Mapped[list[Any] | None] = mapped_column(JSONB)
    metrics: Mapped[dict[str, float] | None] = mapped_column(JSONB)


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
