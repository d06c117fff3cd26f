"""What events store, as the functions and services that record them write it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, convert


class DeviceFacts(Struct, frozen=True, rename="camel"):
    """A device as it was left, see events/sql/device_facts."""

    org_id: UUID
    current_version: str
    os: str
    arch: str
    channel: str
    check_in_count: int
    state: int
    """As `State.from_number` reads it."""
    os_version: str | None = None
    last_seen: datetime | None = None
    serial_number: str | None = None
    asset_id: str | None = None
    user_name: str | None = None
    user_email: str | None = None
    referrer: str | None = None


class OrganizationFacts(Struct, frozen=True):
    """An organization as it was left."""

    name: str
    slug: str


class CredentialFacts(Struct, frozen=True, rename="camel"):
    """A credential without its secret."""

    client_id: str
    scopes: Sequence[str]


class ReleaseFacts(Struct, frozen=True):
    """A release; without an operating system it is for all."""

    channel: str
    version: str
    os: str | None = None


class WebhookFacts(Struct, frozen=True):
    """A webhook's endpoint."""

    id: str
    url: str


class Before(Struct, frozen=True, rename="camel"):
    """What changed, as it was before."""

    state: int | None = None
    org_id: UUID | None = None
    current_version: str | None = None
    name: str | None = None


class Facts(Struct, frozen=True):
    """All that an event may be about."""

    device: DeviceFacts | None = None
    organization: OrganizationFacts | None = None
    credential: CredentialFacts | None = None
    release: ReleaseFacts | None = None
    webhook: WebhookFacts | None = None
    previous: Before | None = None


def read_facts(data: Mapping[str, object]) -> Facts:
    """An event's data by their names."""
    return convert(data, Facts)
