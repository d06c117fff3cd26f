"""Devices and what they log, as they travel over the wire."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from partner_api.fleet.types import Rule
from partner_api.status.quality import Level
from partner_api.status.rules import Connection, Health
from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.schemas import Count, PageMeta
from partner_api.surfaces.partner.wire import (
    CLEAN,
    Body,
    ClientIdRead,
    MspIdRead,
    OrgIdRead,
    OrgIdText,
    Timestamp,
    Wire,
    clean,
)

_INCLUDED = ("tags", "attributes", "status", "network", "interfaces", "metrics")


def _include(value: object) -> frozenset[str]:
    wanted = frozenset(value.split(",")) if isinstance(value, str) else frozenset[str]()
    if not wanted or not wanted <= set(_INCLUDED):
        *most, last = _INCLUDED
        raise ValueError(f"must be {', '.join(most)} or {last}, or several with commas between")
    return wanted


IncludeText = Annotated[
    Any,
    BeforeValidator(_include),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^({0})(,({0}))*$".format("|".join(_INCLUDED)),
            "examples": ["tags,status"],
        }
    ),
]
# Lengths stand before `clean`, or pydantic tells of items instead of characters.
Label = Annotated[
    str, Field(min_length=1, max_length=64, json_schema_extra=CLEAN), AfterValidator(clean)
]
LabelKey = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(clean)]
"""A label as a key: few tools read patterns of keys, so its schema has none."""
AttributeValue = (
    Annotated[str, Field(max_length=500, json_schema_extra=CLEAN), AfterValidator(clean)]
    | bool
    | float
)
EditedFact = (
    Annotated[
        str, Field(min_length=1, max_length=320, json_schema_extra=CLEAN), AfterValidator(clean)
    ]
    | None
)
SearchText = Annotated[str, Field(max_length=200, json_schema_extra=CLEAN), AfterValidator(clean)]


class Location(Wire):
    """Where a device is; not inferred yet."""

    type: Literal["office", "home", "remote", "unknown"] = Field(
        default="unknown", examples=["unknown"]
    )
    confidence: int = Field(default=0, examples=[0])
    signals: list[str] = Field(default=[], examples=[[]])


class StatusReason(Wire):
    """One of the four rules a status is made of, and the numbers it went by."""

    rule: Rule = Field(
        description="What it compares: the age against the setting of this name, or versions.",
        examples=["onlineSeconds"],
    )
    passed: bool = Field(examples=[True])
    age_seconds: float | None = Field(
        None,
        ge=0,
        description="Since the device was last seen; absent when it never was, and for versions.",
        examples=[1234.5],
    )
    threshold_seconds: int | None = Field(None, description="The setting.", examples=[3600])
    current_version: str | None = Field(None, description="With `rule: currentVersion` only.")
    latest_version: str | None = Field(
        None,
        description="The newest release for such a device, with `rule: currentVersion` only; "
        "absent when none is published.",
    )
    text: str = Field(
        description="The same as a sentence.",
        examples=["Last seen 20 minutes 34 seconds ago, within 1 hour"],
    )


class NetworkQuality(Wire):
    """How a device's network fares, by what it measured in the 15 minutes up to `sampledAt`."""

    overall: Level = Field(
        description="By its worst measure; offline when `sampledAt` is 15 minutes ago.",
        examples=["good"],
    )
    latency_ms: float | None = Field(None, ge=0, description="The median.", examples=[18.4])
    jitter_ms: float | None = Field(None, ge=0, description="The median.", examples=[2.1])
    packet_loss_pct: float | None = Field(
        None, ge=0, le=100, description="The median.", examples=[0]
    )
    sampled_at: Timestamp


class Device(Wire):
    """One device, with its status at the instant of the request.

    What the device has not stated is left out.
    """

    client_id: ClientIdRead
    msp_id: MspIdRead
    org_id: OrgIdRead
    current_version: str = Field(examples=["1.0.5.42"])
    os: str = Field(examples=["macOS"])
    os_version: str | None = Field(None, examples=["15.3"])
    arch: str = Field(examples=["arm64"])
    channel: str = Field(description="The channel it takes releases from.", examples=["stable"])
    last_seen: Timestamp | None = Field(None, description="Absent before the first check-in.")
    last_check_in: Timestamp | None = None
    check_in_count: int | None = Field(None, ge=0, examples=[342])
    serial_number: str | None = Field(None, examples=["C02X1234ABCD"])
    asset_id: str | None = Field(None, examples=["ACME-MBP-0042"])
    user_name: str | None = Field(None, examples=["Alice Smith"])
    user_email: str | None = Field(None, examples=["alice@acme.com"])
    referrer: str | None = Field(None, description="What brought the agent there.")
    connection_state: Connection
    status: Health = Field(examples=["healthy"])
    is_current_version: bool = Field(
        description="Runs the newest release of its channel.", examples=[True]
    )
    network_quality: NetworkQuality | None = Field(
        None, description="Absent for a device that never measured its network."
    )
    location: Location
    tags: list[str] | None = Field(None, description="With `include=tags` only.")
    attributes: dict[str, str | float | bool] | None = Field(
        None, description="With `include=attributes` only."
    )
    status_since: Timestamp | None = Field(
        None, description="Since when both states are what they are; with `include=status` only."
    )
    status_reasons: list[StatusReason] | None = Field(
        None, description="Every rule that counts; with `include=status` only."
    )
    network: dict[str, Any] | None = Field(
        None,
        description="As the device last told of it, without measures; with `include=network` only.",
        examples=[
            {"interface": "wifi", "gateway": {"ip": "192.0.2.1", "mac": "00:00:5e:00:53:01"}}
        ],
    )
    interfaces: list[dict[str, Any]] | None = Field(
        None,
        description="As the device last told of them; with `include=interfaces` only.",
        examples=[[{"name": "en0", "type": "wifi", "state": "up"}]],
    )
    metrics: dict[str, float] | None = Field(
        None,
        description="Its own measures as it last told them; with `include=metrics` only.",
        examples=[{"load1": 0.42}],
    )
    next_transition_at: Timestamp | None = Field(
        None,
        description="When its state changes next unless it is seen; with `include=status` only, "
        "and absent when it would not.",
    )


class DeviceUpdate(Body):
    """What may change about a device (RFC 7396): what is absent stays, null clears.

    An asset id, user name or e-mail set here is kept whatever the device states, until cleared.
    """

    org_id: OrgIdText = Field(default=None, description="Moves the device there.")
    asset_id: EditedFact = Field(None, examples=["ACME-MBP-0042"])
    user_name: EditedFact = Field(None, examples=["Alice Smith"])
    user_email: EditedFact = Field(None, examples=["alice@acme.com"])
    tags: list[Label] | None = Field(
        None, max_length=50, description="Replaces all tags.", examples=[["loaner", "floor-3"]]
    )
    attributes: dict[LabelKey, AttributeValue | None] | None = Field(
        None,
        max_length=50,
        description="Merged by key; null removes a key.",
        examples=[{"costCenter": "4711", "leased": True}],
    )


class DeviceRead(Wire):
    """One device."""

    data: Device


class DevicesRead(Wire):
    """A page of devices."""

    data: list[Device]
    meta: PageMeta


class LogEntry(Wire):
    """One thing a device reported."""

    timestamp: Timestamp = Field(examples=["2026-02-26T12:00:00Z"])
    severity: str = Field(description="DEBUG, INFO, WARN or ERROR", examples=["INFO"])
    payload: dict[str, Any] = Field(
        examples=[
            {"clientId": specimens.CLIENT_ID, "type": "network_check", "latency_ms": 12.5},
        ]
    )


class LogMeta(Wire):
    """How many entries this page has, of how many it could have."""

    count: Count = Field(examples=[1])
    limit: int = Field(examples=[50])
    next_cursor: str | None = Field(
        None, description="Send it as `cursor`; absent on the last page."
    )


class LogsRead(Wire):
    """A page of a device's log, newest first."""

    data: list[LogEntry]
    meta: LogMeta
