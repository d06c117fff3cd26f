"""What people read of a fleet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from partner_api.kernel.ids import ClientId, MspId, OrgId
from partner_api.status.quality import Level
from partner_api.status.rules import Connection, Health
from partner_api.telemetry.qualities import NetworkQuality


class Rule(StrEnum):
    """What a status is made of; an age is called as the setting that bounds it."""

    STREAMING = "streamingSeconds"
    ONLINE = "onlineSeconds"
    CRITICAL = "criticalSeconds"
    CURRENT_VERSION = "currentVersion"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule, whether the device passes it, and the numbers it went by."""

    rule: Rule
    passed: bool
    age_seconds: float | None = None
    """Since the device was last seen; None when it never was."""
    threshold_seconds: int | None = None
    """The age up to which it passes; None for the rule that goes by versions."""
    current_version: str | None = None
    latest_version: str | None = None
    """None when no release is published for such a device."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What made a device's status, at the instant it was read."""

    since: datetime
    reasons: Sequence[Reason]
    next_transition_at: datetime | None
    """When the next threshold passes unless the device is seen; None when none is left."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device, with its status at the instant it was read."""

    client_id: ClientId
    msp_id: MspId
    org_id: OrgId
    current_version: str
    os: str
    os_version: str | None
    arch: str
    channel: str
    last_seen: datetime | None
    check_in_count: int
    serial_number: str | None
    asset_id: str | None
    user_name: str | None
    user_email: str | None
    referrer: str | None
    is_current_version: bool
    connection: Connection
    health: Health
    explanation: Explanation | None = None
    network_quality: NetworkQuality | None = None
    """None for a device that never told."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What integrators noted about a device."""

    tags: Sequence[str] = ()
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetCounts:
    """How many devices there are, in all and by what they are."""

    total: int
    health: Mapping[Health, int]
    connection: Mapping[Connection, int]
    current_version: int

    @property
    def online_now(self) -> int:
        """Seen within the hour: streaming or idle."""
        return self.connection[Connection.STREAMING] + self.connection[Connection.IDLE]


@dataclass(frozen=True, slots=True)
class NetworkCounts:
    """How many devices there are by network quality; one that is silent is offline."""

    good: int
    degraded: int
    poor: int
    offline: int

    @property
    def overall(self) -> Level:
        """The worst of the devices that tell; offline when none does."""
        if self.poor:
            return Level.POOR
        if self.degraded:
            return Level.DEGRADED
        return Level.GOOD if self.good else Level.OFFLINE


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """One organization and its devices' figures."""

    org_id: OrgId
    msp_id: MspId
    name: str
    slug: str
    counts: FleetCounts
    networks: NetworkCounts
    health: Health


class DeviceSort(StrEnum):
    """What a device list may be sorted by."""

    STATUS = "status"
    LAST_SEEN = "lastSeen"
    VERSION = "version"
    ASSET_ID = "assetId"
    CLIENT_ID = "clientId"


class SortOrder(StrEnum):
    """Which end comes first."""

    ASCENDING = "asc"
    DESCENDING = "desc"


@dataclass(frozen=True)
class DeviceFilter:
    """Which devices to list; None lets all through."""

    org_id: OrgId | None = None
    health: Health | None = None
    connection: Connection | None = None
    text: str | None = None
