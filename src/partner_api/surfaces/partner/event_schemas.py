"""Events, as they travel over the wire; each kind by the data it carries."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from partner_api.events.types import EventType
from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.device_schemas import Device
from partner_api.surfaces.partner.history_schemas import StatusRead
from partner_api.surfaces.partner.schemas import Count
from partner_api.surfaces.partner.wire import EventIdRead, MspIdRead, OrgIdRead, Timestamp, Wire
from partner_api.tenancy.principal import DOCUMENTED_SCOPES, Scope
from partner_api.webhooks.testing import TEST_ID


def _split(value: object) -> object:
    assert isinstance(value, list)
    texts = [text for part in value for text in part.split(",")]
    if not set(texts) <= set(EventType):
        raise ValueError(f"must be among: {', '.join(EventType)}")
    return texts


EventTypes = Annotated[list[EventType] | None, BeforeValidator(_split)]
"""Types with commas between, or given several times, or both."""


class EventOrganization(Wire):
    """An organization, as the event left it."""

    org_id: OrgIdRead
    name: str = Field(examples=["Acme Corp"])
    msp_id: MspIdRead
    slug: str = Field(description="The name for addresses.", examples=["acme-corp"])


class EventCredential(Wire):
    """A credential, without its secret."""

    client_id: str = Field(examples=[specimens.CREDENTIAL_ID])
    scopes: list[Scope] = Field(examples=[list(DOCUMENTED_SCOPES)])


class EventRelease(Wire):
    """A release that devices of its channel may run from now on."""

    channel: str = Field(examples=["stable"])
    version: str = Field(examples=["1.0.5.43"])
    os: str | None = Field(None, description="Absent when it is for all.", examples=["macOS"])


class EventWebhook(Wire):
    """A webhook's endpoint."""

    id: str = Field(examples=[specimens.WEBHOOK_ID])
    url: str = Field(examples=[specimens.WEBHOOK_URL])


class OrgIdBefore(Wire):
    """The organization that a device was in."""

    org_id: OrgIdRead


class VersionBefore(Wire):
    """What a device ran."""

    current_version: str = Field(examples=["1.0.5.41"])


class NameBefore(Wire):
    """What an organization was called."""

    name: str = Field(examples=["Acme"])


class DeviceData(Wire):
    """The device, as the event left it."""

    device: Device


class DeviceStatusData(DeviceData):
    """The device, as the event left it, and its states before."""

    previous: StatusRead


class DeviceVersionData(DeviceData):
    """The device, as the event left it, and what it ran before."""

    previous: VersionBefore


class DeviceMoveData(DeviceData):
    """The device, as the event left it, and where it was before."""

    previous: OrgIdBefore


class OrganizationData(Wire):
    """The organization, as the event left it."""

    organization: EventOrganization


class OrganizationUpdateData(OrganizationData):
    """The organization, as the event left it, and what it was called before."""

    previous: NameBefore


class CredentialData(Wire):
    """The credential that somebody made, or changed."""

    credential: EventCredential


class ReleaseData(Wire):
    """The release."""

    release: EventRelease


class WebhookData(Wire):
    """The webhook."""

    webhook: EventWebhook


class EventHead(Wire):
    """What every event has."""

    id: EventIdRead = Field(description="Its place in your log; ids sort by it.")
    type: EventType
    timestamp: Timestamp = Field(description="When it happened.")
    msp_id: MspIdRead


class OrganizationsEventHead(EventHead):
    """What every event has that is about an organization, or a device of one."""

    org_id: OrgIdRead


class DeviceEvent(OrganizationsEventHead):
    """A device enrolled, checked in, went out, came back, or was deleted."""

    type: Literal[
        EventType.DEVICE_ENROLLED,
        EventType.DEVICE_CHECKIN,
        EventType.DEVICE_ONLINE,
        EventType.DEVICE_OFFLINE,
        EventType.DEVICE_DELETED,
    ]
    data: DeviceData


class DeviceStatusChangedEvent(OrganizationsEventHead):
    """A device's status or connection state changed."""

    type: Literal[EventType.DEVICE_STATUS_CHANGED]
    data: DeviceStatusData


class DeviceVersionChangedEvent(OrganizationsEventHead):
    """A device runs another version."""

    type: Literal[EventType.DEVICE_VERSION_CHANGED]
    data: DeviceVersionData


class DeviceMovedEvent(OrganizationsEventHead):
    """A device came into another organization; the event is that one's."""

    type: Literal[EventType.DEVICE_MOVED]
    data: DeviceMoveData


class OrganizationEvent(OrganizationsEventHead):
    """An organization was made or deleted."""

    type: Literal[EventType.ORG_CREATED, EventType.ORG_DELETED]
    data: OrganizationData


class OrganizationUpdatedEvent(OrganizationsEventHead):
    """An organization has another name."""

    type: Literal[EventType.ORG_UPDATED]
    data: OrganizationUpdateData


class CredentialEvent(EventHead):
    """A credential was made, got another secret, or was disabled."""

    type: Literal[
        EventType.CREDENTIAL_CREATED,
        EventType.CREDENTIAL_REGENERATED,
        EventType.CREDENTIAL_DISABLED,
    ]
    data: CredentialData


class ReleaseEvent(EventHead):
    """A release was published."""

    type: Literal[EventType.RELEASE_PUBLISHED]
    data: ReleaseData


class WebhookEvent(EventHead):
    """Deliveries to a webhook failed for so long that no more are tried."""

    type: Literal[EventType.WEBHOOK_SUSPENDED]
    data: WebhookData


EventRead = (
    DeviceEvent
    | DeviceStatusChangedEvent
    | DeviceVersionChangedEvent
    | DeviceMovedEvent
    | OrganizationEvent
    | OrganizationUpdatedEvent
    | CredentialEvent
    | ReleaseEvent
    | WebhookEvent
)


class WebhookTest(Wire):
    """A message that somebody asked for, to see that it arrives; no event, and in no log."""

    id: EventIdRead = Field(description="Always this one.", examples=[TEST_ID])
    type: Literal["webhook.test"] = "webhook.test"
    timestamp: Timestamp = Field(description="When it was asked for.")
    msp_id: MspIdRead
    data: WebhookData


class EventsMeta(Wire):
    """How many events there are here, of how many there could be, and where to go on."""

    count: Count = Field(examples=[1])
    limit: int = Field(examples=[100])
    last_id: EventIdRead | None = Field(
        None,
        description="Send it as `after` for what follows; absent while your log is empty.",
    )


class EventsRead(Wire):
    """Events in the order of your log."""

    data: list[Annotated[EventRead, Field(discriminator="type")]]
    meta: EventsMeta
