"""Organizations as they travel over the wire."""

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from partner_api.status.quality import Level
from partner_api.status.rules import Health
from partner_api.surfaces.partner.schemas import Count, PageMeta
from partner_api.surfaces.partner.wire import (
    Body,
    MspIdRead,
    OrgIdRead,
    Wire,
    clean,
)


def _named(value: str) -> str:
    name = clean(value).strip()
    if not any(character.isalnum() for character in name):
        raise ValueError("must contain a letter or digit")
    if not 2 <= len(name) <= 100:
        raise ValueError("must have 2 to 100 characters")
    return name


OrganizationName = Annotated[
    str,
    AfterValidator(_named),
    WithJsonSchema({"type": "string", "minLength": 2, "maxLength": 100, "examples": ["Acme Corp"]}),
]


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
