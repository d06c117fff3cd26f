"""Devices and the releases they should run."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Computed,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from partner_api.database.base import Base, Instant, Sortable, TransactionId
from partner_api.tenancy.models import MspOwned


class Device(MspOwned, Base):
    """One device, as its enrollment and its check-ins describe it.

    The columns every check-in changes stand first and in no index, so that a check-in rewrites
    the row within its page (HOT) and logs few bytes; free space per page is kept for that.
    """

    __tablename__ = "devices"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "org_id"], ["organizations.msp_id", "organizations.org_id"]
        ),
        Index(None, "msp_id", "org_id", "client_id"),
        Index(None, "msp_id", "version_sort", "client_id"),
        Index(None, "msp_id", "asset_sort", "client_id"),
        Index(None, "msp_id", "health", "client_id"),
        Index(None, "msp_id", "org_id", "health", "client_id"),
        Index(
            "devices_msp_id_connection_health_client_id_idx",
            "msp_id",
            # A device's connection, as a number.
            text("least(stage, 2)"),
            "health",
            "client_id",
        ),
        Index(
            None,
            "msp_id",
            "quiet_since",
            "client_id",
            postgresql_where=text("quiet_since is not null"),
        ),
        {"postgresql_with": {"fillfactor": 75}},
    )

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_seen: Mapped[datetime | None] = mapped_column(Instant)
    check_in_count: Mapped[int] = mapped_column(BigInteger)
    sequence_high: Mapped[int | None] = mapped_column(BigInteger)
    """The highest sequence number seen since enrollment."""
    sequence_window: Mapped[int] = mapped_column(BigInteger)
    """Bit n tells whether `sequence_high - n` was seen, for the newest 64."""
    facts_digest: Mapped[int | None] = mapped_column(BigInteger)
    """Of the facts the newest check-in stated; an equal one has nothing new to tell."""
    facts_stated: Mapped[int] = mapped_column(SmallInteger)
    """Bit n tells whether fact n was stated by the check-in at `last_seen`."""
    facts_pinned: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    """Bit n tells whether an integrator set fact n, so that check-ins leave it alone."""
    stage: Mapped[int] = mapped_column(SmallInteger, server_default="3")
    """How many thresholds had passed when it was last looked at: `status.rules.Stage`."""
    is_current: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    """Whether no newer release was published when that was last looked at."""
    stage_since: Mapped[datetime] = mapped_column(Instant, server_default=text("'epoch'"))
    """The moment of its newest recorded step."""
    streaming_seconds: Mapped[int] = mapped_column(Integer, server_default="300")
    """This and the next three: its organization's settings, as far as it follows them already."""
    online_seconds: Mapped[int] = mapped_column(Integer, server_default="3600")
    critical_seconds: Mapped[int] = mapped_column(Integer, server_default="86400")
    check_in_interval_seconds: Mapped[int | None] = mapped_column(Integer)
    offline_event_seconds: Mapped[int] = mapped_column(Integer, server_default="3600")
    is_out: Mapped[bool] = mapped_column(server_default="false")
    """Whether it was announced to be offline and has not been seen since."""
    health: Mapped[int] = mapped_column(
        SmallInteger,
        Computed("case when stage = 3 then 1 when stage = 2 or not is_current then 2 else 3 end"),
    )
    """Its health's place in `status.rules.Health`, for lists sorted by it."""
    quiet_since: Mapped[datetime | None] = mapped_column(
        Instant,
        Computed("case when stage >= 2 then coalesce(last_seen, '-infinity'::timestamptz) end"),
    )
    """When it was last seen, if it is offline: in an index, unlike `last_seen`, because it stands
    still while a device checks in. Before all time for one that never was."""
    org_id: Mapped[UUID]
    enrollment_id: Mapped[UUID]
    enrolled_at: Mapped[datetime] = mapped_column(Instant)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    os: Mapped[str] = mapped_column(Text)
    os_version: Mapped[str | None] = mapped_column(Text)
    arch: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    current_version: Mapped[str] = mapped_column(Text)
    version_sort: Mapped[str] = mapped_column(Sortable)
    serial_number: Mapped[str | None] = mapped_column(Text)
    asset_id: Mapped[str | None] = mapped_column(Text)
    asset_sort: Mapped[str] = mapped_column(Sortable)
    user_name: Mapped[str | None] = mapped_column(Text)
    user_email: Mapped[str | None] = mapped_column(Text)
    referrer: Mapped[str | None] = mapped_column(Text)
    facts_at: Mapped[bytes | None] = mapped_column(LargeBinary)
    """When each fact was stated that the newest check-in left out, as `ingest/fold.py` packs it."""


class DeviceText(MspOwned, Base):
    """What a device is searched in, as `search_text` makes it of its facts.

    Apart from its row, which is rewritten all the time. Whoever writes one of those facts keeps
    this in the same transaction, by `keep_texts`; `sweep.recount` mends what was written past it.
    """

    __tablename__ = "device_texts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "client_id"], ["devices.msp_id", "devices.client_id"], ondelete="CASCADE"
        ),
        Index(
            "device_texts_device_trigrams_idx",
            text("device_trigrams(msp_id, text)"),
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        ),
    )

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Sortable)


class Release(Base):
    """A published version of the agent, for one channel and one or every operating system."""

    __tablename__ = "releases"
    __table_args__ = (Index(None, "channel", "os", "version_sort"),)

    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    os: Mapped[str] = mapped_column(Text, primary_key=True)
    """Lower-case, empty for every operating system."""
    version: Mapped[str] = mapped_column(Text, primary_key=True)
    version_sort: Mapped[str] = mapped_column(Sortable)
    published_at: Mapped[datetime] = mapped_column(Instant)
    noticed_xid: Mapped[int | None] = mapped_column(TransactionId)
    """The worker's transaction that saw it published. Whoever judged a device without knowing it
    held an older one."""
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
    """When every device it outdates was recorded as outdated."""


class DeviceLabels(MspOwned, Base):
    """What integrators note about a device; apart from its row, which is rewritten all the time."""

    __tablename__ = "device_labels"
    __table_args__ = (
        ForeignKeyConstraint(
            ["msp_id", "client_id"], ["devices.msp_id", "devices.client_id"], ondelete="CASCADE"
        ),
    )

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    attributes: Mapped[str] = mapped_column(Text)
    """JSON text of an object."""
