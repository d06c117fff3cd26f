"""What travels over the wire, named as the Partner API document names it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from partner_api.kernel.ids import OrgId, parse_org_id
from partner_api.kernel.text import is_clean
from partner_api.kernel.timestamps import format_timestamp, parse_timestamp
from partner_api.status.rules import Connection, Health
from partner_api.tenancy.principal import Scope


def _instant(value: object) -> object:
    parsed = parse_timestamp(value) if isinstance(value, str) else value
    if not isinstance(parsed, datetime):
        raise ValueError("must be an RFC 3339 timestamp such as 2026-02-24T11:55:00Z")
    return parsed


def _org_id(value: object) -> OrgId:
    parsed = parse_org_id(value) if isinstance(value, str) else None
    if parsed is None:
        raise ValueError("must be org_ and a lower-case UUID")
    return parsed


def _include(value: object) -> frozenset[str]:
    wanted = frozenset(value.split(",")) if isinstance(value, str) else frozenset[str]()
    if not wanted or not wanted <= {"tags", "attributes"}:
        raise ValueError("must be tags, attributes or tags,attributes")
    return wanted


def _clean(value: str) -> str:
    if not is_clean(value):
        raise ValueError("must not contain control characters")
    return value


def _named(value: str) -> str:
    name = _clean(value).strip()
    if not any(character.isalnum() for character in name):
        raise ValueError("must contain a letter or digit")
    if not 2 <= len(name) <= 100:
        raise ValueError("must have 2 to 100 characters")
    return name


Timestamp = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(format_timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
OrgIdText = Annotated[
    Any,
    BeforeValidator(_org_id),
    WithJsonSchema({"type": "string", "pattern": "^org_[0-9a-f-]{36}$"}),
]
IncludeText = Annotated[
    Any,
    BeforeValidator(_include),
    WithJsonSchema({"type": "string", "enum": ["tags", "attributes", "tags,attributes"]}),
]
CleanText = Annotated[str, AfterValidator(_clean)]
OrganizationName = Annotated[
    str,
    AfterValidator(_named),
    WithJsonSchema({"type": "string", "minLength": 2, "maxLength": 100}),
]


Label = Annotated[str, AfterValidator(_clean), Field(min_length=1, max_length=64)]
AttributeValue = Annotated[str, AfterValidator(_clean), Field(max_length=500)] | bool | float
EditedFact = Annotated[str, AfterValidator(_clean), Field(min_length=1, max_length=320)] | None


class Wire(BaseModel):
    """camelCase on the wire; what is None is left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Body(Wire):
    """A request's body: numbers are no strings and strings no numbers."""

    model_config = ConfigDict(strict=True)


class ErrorRead(BaseModel):
    """Every error."""

    error: str = Field(description="The status code's reason phrase", examples=["Not Found"])
    message: str = Field(description="What went wrong, and what to do", examples=["Check IDs"])


class Total(Wire):
    """How many rows match in all."""

    total: int


class PageMeta(Total):
    """How many rows match in all, and the cursor of the next page when there is one."""

    next_cursor: str | None = None


class TokenRead(BaseModel):
    """An access token."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    scope: str


class CredentialRead(Wire):
    """The credential the token was issued to."""

    exists: bool = True
    client_id: str
    scopes: list[Scope]
    created_at: Timestamp
    last_used_at: Timestamp | None = None
    enabled: bool


class SecretRegenerate(Body):
    """How to replace a client secret."""

    overlap_seconds: int = Field(
        default=0, ge=0, le=86400, description="How long the old secret goes on to work."
    )


class SecretRead(Wire):
    """A new client secret, at the one moment it is shown."""

    client_id: str
    client_secret: str
    message: str


class FleetStats(Wire):
    """The dashboard's figures."""

    total_devices: int
    total_orgs: int
    healthy: int
    warning: int
    critical: int
    online_now: int


class FleetStatsRead(Wire):
    """The dashboard's figures."""

    data: FleetStats


class Member(Wire):
    """Somebody who has logged in to the MSP's account."""

    email: str
    name: str
    picture: str | None = None
    provider: str = Field(description="google, microsoft or password")
    last_login_at: Timestamp


class MembersRead(Wire):
    """Everybody who has logged in to the MSP's account."""

    data: list[Member]
    meta: Total


class OrganizationCreate(Body):
    """A new organization."""

    name: OrganizationName


class OrganizationUpdate(Body):
    """What may change about an organization; its slug stays."""

    name: OrganizationName


class OrganizationCreated(Wire):
    """A new organization, before it has devices."""

    org_id: str
    name: str
    msp_id: str
    slug: str


class OrganizationCreatedRead(Wire):
    """A new organization, before it has devices."""

    data: OrganizationCreated


class NetworkQualityCounts(Wire):
    """Devices by network quality; they add up to the total."""

    good: int
    degraded: int
    poor: int
    offline: int
    overall: Literal["good", "degraded", "poor", "offline"]


class LocationCounts(Wire):
    """Devices by location; they add up to the total."""

    office: int
    home: int
    remote: int
    unknown: int


class ConnectionCounts(Wire):
    """Devices by connection state; they add up to the total."""

    streaming: int
    idle: int
    offline: int


class OrganizationStats(Wire):
    """One organization's figures."""

    org_id: str
    total: int
    healthy: int
    warning: int
    critical: int
    online_now: int
    current_version: int
    network_quality: NetworkQualityCounts
    locations: LocationCounts
    connection_states: ConnectionCounts


class Organization(Wire):
    """One organization with its figures."""

    org_id: str
    name: str
    msp_id: str
    slug: str
    stats: OrganizationStats
    overall_health: Health


class OrganizationRead(Wire):
    """One organization with its figures."""

    data: Organization


class OrganizationsRead(Wire):
    """A page of organizations."""

    data: list[Organization]
    meta: PageMeta


class Location(Wire):
    """Where a device is; not inferred yet."""

    type: Literal["office", "home", "remote", "unknown"] = "unknown"
    confidence: int = 0
    signals: list[str] = []


class Device(Wire):
    """One device, with its status at the instant of the request."""

    client_id: str
    msp_id: str
    org_id: str
    current_version: str
    os: str
    os_version: str | None = None
    arch: str
    channel: str
    last_seen: Timestamp | None = None
    last_check_in: Timestamp | None = None
    check_in_count: int | None = None
    serial_number: str | None = None
    asset_id: str | None = None
    user_name: str | None = None
    user_email: str | None = None
    referrer: str | None = None
    connection_state: Connection
    status: Health
    is_current_version: bool
    location: Location = Location()
    tags: list[str] | None = Field(None, description="With `include=tags` only.")
    attributes: dict[str, str | float | bool] | None = Field(
        None, description="With `include=attributes` only."
    )


class DeviceUpdate(Body):
    """What may change about a device (RFC 7396): what is absent stays, null clears.

    An asset id, user name or e-mail set here is kept whatever the device states, until cleared.
    """

    org_id: OrgIdText = Field(default=None, description="Moves the device there.")
    asset_id: EditedFact = None
    user_name: EditedFact = None
    user_email: EditedFact = None
    tags: list[Label] | None = Field(None, max_length=50, description="Replaces all tags.")
    attributes: dict[Label, AttributeValue | None] | None = Field(
        None, max_length=50, description="Merged by key; null removes a key."
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

    timestamp: Timestamp
    severity: str = Field(description="DEBUG, INFO, WARN or ERROR")
    payload: dict[str, Any]


class LogMeta(Wire):
    """How many entries this page has, of how many it could have."""

    count: int
    limit: int
    next_cursor: str | None = None


class LogsRead(Wire):
    """A page of a device's log, newest first."""

    data: list[LogEntry]
    meta: LogMeta


class EnrollmentTokenCreate(Body):
    """A new permission to enroll."""

    expires_in_seconds: int = Field(default=7 * 86400, ge=60, le=365 * 86400)
    max_uses: int | None = Field(default=None, ge=1, le=1_000_000)


class EnrollmentToken(Wire):
    """A permission to enroll devices into one organization."""

    id: str
    org_id: str
    expires_at: Timestamp
    max_uses: int | None = None
    uses: int


class EnrollmentTokenCreated(EnrollmentToken):
    """A permission to enroll, at the one moment its token is shown."""

    token: str


class EnrollmentTokenCreatedRead(Wire):
    """A permission to enroll, at the one moment its token is shown."""

    data: EnrollmentTokenCreated


class EnrollmentTokensRead(Wire):
    """An organization's permissions to enroll."""

    data: list[EnrollmentToken]
    meta: Total


class HealthRead(BaseModel):
    """Which service this is, and which deployment of it."""

    service: Literal["partner-api"] = "partner-api"
    revision: str


class ProbeRead(BaseModel):
    """A probe that passed."""

    status: Literal["ok"] = "ok"
