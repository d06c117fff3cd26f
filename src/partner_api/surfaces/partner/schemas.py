"""What travels over the wire, named as the Partner API document names it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from partner_api.fleet.types import Rule
from partner_api.status.quality import Level
from partner_api.status.rules import Connection, Health
from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.wire import (
    CLEAN,
    Answer,
    Body,
    ClientIdRead,
    MspIdRead,
    OrgIdRead,
    OrgIdText,
    Timestamp,
    Wire,
    clean,
)
from partner_api.tenancy.principal import DOCUMENTED_SCOPES, Scope

_INCLUDED = ("tags", "attributes", "status", "network", "interfaces", "metrics")


def _include(value: object) -> frozenset[str]:
    wanted = frozenset(value.split(",")) if isinstance(value, str) else frozenset[str]()
    if not wanted or not wanted <= set(_INCLUDED):
        *most, last = _INCLUDED
        raise ValueError(f"must be {', '.join(most)} or {last}, or several with commas between")
    return wanted


def _named(value: str) -> str:
    name = clean(value).strip()
    if not any(character.isalnum() for character in name):
        raise ValueError("must contain a letter or digit")
    if not 2 <= len(name) <= 100:
        raise ValueError("must have 2 to 100 characters")
    return name


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
OrganizationName = Annotated[
    str,
    AfterValidator(_named),
    WithJsonSchema({"type": "string", "minLength": 2, "maxLength": 100, "examples": ["Acme Corp"]}),
]
Count = Annotated[int, Field(ge=0)]
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


class ErrorRead(Answer):
    """Every error."""

    error: str = Field(description="The status code's reason phrase", examples=["Not Found"])
    message: str = Field(
        description="What went wrong, and what to do", examples=["Device not found"]
    )


class Total(Wire):
    """How many rows match in all."""

    total: Count = Field(examples=[1])


class PageMeta(Total):
    """How many rows match in all, and the cursor of the next page when there is one."""

    next_cursor: str | None = Field(
        None, description="Send it as `cursor`; absent on the last page."
    )


class TokenRead(Answer):
    """An access token."""

    access_token: str = Field(
        description="A JSON Web Token; its claim `msp_id` names your MSP.",
        examples=[specimens.ACCESS_TOKEN],
    )
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds from now.", examples=[3600])
    scope: str = Field(
        description="What the token may do, separated by spaces.",
        examples=[" ".join(DOCUMENTED_SCOPES)],
    )


class TokenErrorRead(Answer):
    """An error of the token endpoint (RFC 6749, section 5.2)."""

    error: Literal[
        "invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type"
    ] = Field(description="The standard's code.")
    error_description: str = Field(examples=["grant_type is required"])
    message: str = Field(
        description="The same sentence, as every error has it.", examples=["grant_type is required"]
    )


class CredentialRead(Wire):
    """The credential the token was issued to."""

    exists: bool = Field(default=True, examples=[True])
    client_id: str = Field(examples=[specimens.CREDENTIAL_ID])
    scopes: list[Scope] = Field(examples=[list(DOCUMENTED_SCOPES)])
    created_at: Timestamp = Field(examples=["2026-01-15T10:00:00Z"])
    last_used_at: Timestamp | None = Field(None, description="Absent before the first token.")
    enabled: bool = Field(examples=[True])


class SecretRegenerate(Body):
    """How to replace a client secret."""

    overlap_seconds: int = Field(
        default=0,
        ge=0,
        le=86400,
        description="How long the old secret goes on to work.",
        examples=[3600],
    )


class SecretRead(Wire):
    """A new client secret, at the one moment it is shown."""

    client_id: str = Field(examples=[specimens.CREDENTIAL_ID])
    client_secret: str = Field(examples=[specimens.CLIENT_SECRET])
    message: str = Field(
        examples=["Client secret regenerated. Store it securely - it won't be shown again."]
    )


class FleetStats(Wire):
    """The dashboard's figures."""

    total_devices: Count = Field(examples=[47])
    total_orgs: Count = Field(examples=[3])
    healthy: Count = Field(description="Seen within the hour, up to date.", examples=[38])
    warning: Count = Field(description="Not seen for an hour, or outdated.", examples=[6])
    critical: Count = Field(description="Not seen for a day, or never.", examples=[3])
    online_now: Count = Field(description="Seen within the hour.", examples=[41])


class FleetStatsRead(Wire):
    """The dashboard's figures."""

    data: FleetStats


class Member(Wire):
    """Somebody who has logged in to the MSP's account."""

    email: str = Field(examples=["alice@acme.com"])
    name: str = Field(examples=["Alice Smith"])
    picture: str | None = Field(
        None, description="A picture's address.", examples=["https://pictures.example/alice"]
    )
    provider: str = Field(description="google, microsoft or password", examples=["google"])
    last_login_at: Timestamp = Field(examples=["2026-02-27T10:30:00Z"])


class MembersRead(Wire):
    """Everybody who has logged in to the MSP's account."""

    data: list[Member]
    meta: Total


class OrganizationCreate(Body):
    """A new organization."""

    name: OrganizationName = Field(description="With a letter or digit in it.")


class OrganizationUpdate(Body):
    """What may change about an organization; its slug stays."""

    name: OrganizationName = Field(description="With a letter or digit in it.")


class OrganizationCreated(Wire):
    """A new organization, before it has devices."""

    org_id: OrgIdRead
    name: str = Field(examples=["Acme Corp"])
    msp_id: MspIdRead
    slug: str = Field(description="The name for addresses.", examples=["acme-corp"])


class OrganizationCreatedRead(Wire):
    """A new organization, before it has devices."""

    data: OrganizationCreated


class NetworkQualityCounts(Wire):
    """Devices by network quality; they add up to the total."""

    good: Count = Field(examples=[20])
    degraded: Count = Field(examples=[2])
    poor: Count = Field(examples=[0])
    offline: Count = Field(description="No sample in the last 15 minutes.", examples=[3])
    overall: Level = Field(
        description="The worst of those that are not offline, if any.", examples=["degraded"]
    )


class LocationCounts(Wire):
    """Devices by location; they add up to the total. All are unknown: not inferred yet."""

    office: Count = Field(examples=[0])
    home: Count = Field(examples=[0])
    remote: Count = Field(examples=[0])
    unknown: Count = Field(examples=[25])


class ConnectionCounts(Wire):
    """Devices by connection state; they add up to the total."""

    streaming: Count = Field(description="Seen less than 5 minutes ago.", examples=[18])
    idle: Count = Field(description="Seen 5 to 60 minutes ago.", examples=[4])
    offline: Count = Field(description="Not seen for an hour, or never.", examples=[3])


class OrganizationStats(Wire):
    """One organization's figures."""

    org_id: OrgIdRead
    total: Count = Field(description="Devices.", examples=[25])
    healthy: Count = Field(examples=[20])
    warning: Count = Field(examples=[3])
    critical: Count = Field(examples=[2])
    online_now: Count = Field(description="Seen within the hour.", examples=[22])
    current_version: Count = Field(description="Up to date.", examples=[25])
    network_quality: NetworkQualityCounts
    locations: LocationCounts
    connection_states: ConnectionCounts


class Organization(Wire):
    """One organization with its figures."""

    org_id: OrgIdRead
    name: str = Field(examples=["Acme Corp"])
    msp_id: MspIdRead
    slug: str = Field(description="The name for addresses.", examples=["acme-corp"])
    stats: OrganizationStats
    overall_health: Health = Field(description="Its worst device's.", examples=["critical"])


class OrganizationRead(Wire):
    """One organization with its figures."""

    data: Organization


class OrganizationsRead(Wire):
    """A page of organizations."""

    data: list[Organization]
    meta: PageMeta


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


class EnrollmentTokenCreate(Body):
    """A new permission to enroll."""

    expires_in_seconds: int = Field(
        default=7 * 86400, ge=60, le=365 * 86400, description="A week by default.", examples=[86400]
    )
    max_uses: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Unlimited by default.", examples=[25]
    )


class EnrollmentToken(Wire):
    """A permission to enroll devices into one organization."""

    id: str = Field(
        description="Revokes it.",
        examples=[specimens.ENROLLMENT_TOKEN_ID],
        json_schema_extra={"format": "uuid"},
    )
    org_id: OrgIdRead
    expires_at: Timestamp = Field(examples=["2026-03-03T12:00:00Z"])
    max_uses: int | None = Field(None, description="Absent when unlimited.", examples=[25])
    uses: Count = Field(description="Devices that enrolled with it.", examples=[0])


class EnrollmentTokenCreated(EnrollmentToken):
    """A permission to enroll, at the one moment its token is shown."""

    token: str = Field(examples=[specimens.ENROLLMENT_TOKEN])


class EnrollmentTokenCreatedRead(Wire):
    """A permission to enroll, at the one moment its token is shown."""

    data: EnrollmentTokenCreated


class EnrollmentTokensRead(Wire):
    """An organization's permissions to enroll."""

    data: list[EnrollmentToken]
    meta: Total


class HealthRead(Answer):
    """Which service this is, and which deployment of it."""

    service: Literal["partner-api"] = "partner-api"
    revision: str = Field(examples=["partner-api-production-00015-abc"])


class ProbeRead(Answer):
    """A probe that passed."""

    status: Literal["ok"] = "ok"
