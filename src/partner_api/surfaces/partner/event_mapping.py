"""Events as every door shows them: the list, the stream, and what is posted to webhooks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_args

from partner_api.events.facts import (
    Before,
    CredentialFacts,
    DeviceFacts,
    OrganizationFacts,
    read_facts,
)
from partner_api.events.types import Event, EventType, format_event_id
from partner_api.fleet.types import DeviceView
from partner_api.kernel.ids import ClientId, OrgId, format_msp_id, format_org_id
from partner_api.status.rules import State
from partner_api.surfaces.partner import event_schemas as schemas
from partner_api.surfaces.partner import mapping
from partner_api.surfaces.partner.history_schemas import StatusRead
from partner_api.tenancy.principal import Scope
from partner_api.webhooks.testing import TEST_ID, Target

MODELS: Final[Mapping[EventType, type[schemas.EventRead]]] = {
    event_type: model
    for model in get_args(schemas.EventRead)
    for event_type in get_args(model.model_fields["type"].annotation)
}
"""What an event of each type looks like."""


def event(logged: Event) -> schemas.EventRead:
    """An event of the log."""
    fields = {
        "id": format_event_id(logged.position),
        "type": logged.type,
        "timestamp": logged.happened_at,
        "msp_id": format_msp_id(logged.msp_id),
        "org_id": None if logged.org_id is None else format_org_id(logged.org_id),
        "data": _data(logged),
    }
    return MODELS[logged.type].model_validate(fields)


def event_json(logged: Event) -> bytes:
    """An event of the log as JSON, in one line."""
    return event(logged).model_dump_json(by_alias=True, exclude_none=True).encode()


def webhook_test_json(target: Target, now: datetime) -> bytes:
    """A webhook's test message as JSON, in one line."""
    message = schemas.WebhookTest(
        id=TEST_ID,
        timestamp=now,
        msp_id=format_msp_id(target.msp_id),
        data=schemas.WebhookData(
            webhook=schemas.EventWebhook(id=str(target.webhook_id), url=target.url)
        ),
    )
    return message.model_dump_json(by_alias=True).encode()


def _data(logged: Event) -> dict[str, Any]:
    facts = read_facts(logged.data)
    data: dict[str, Any] = {}
    if facts.device is not None:
        data["device"] = mapping.device(_device(logged, facts.device))
    if facts.organization is not None:
        data["organization"] = _organization(logged, facts.organization)
    if facts.credential is not None:
        data["credential"] = _credential(facts.credential)
    if facts.release is not None:
        release = facts.release
        data["release"] = schemas.EventRelease(
            channel=release.channel, version=release.version, os=release.os
        )
    if facts.webhook is not None:
        data["webhook"] = schemas.EventWebhook(id=facts.webhook.id, url=facts.webhook.url)
    if facts.previous is not None:
        data["previous"] = _previous(facts.previous)
    return data


def _device(logged: Event, facts: DeviceFacts) -> DeviceView:
    assert logged.client_id is not None
    state = State.from_number(facts.state)
    return DeviceView(
        client_id=ClientId(logged.client_id),
        msp_id=logged.msp_id,
        org_id=OrgId(facts.org_id),
        current_version=facts.current_version,
        os=facts.os,
        os_version=facts.os_version,
        arch=facts.arch,
        channel=facts.channel,
        last_seen=facts.last_seen,
        check_in_count=facts.check_in_count,
        serial_number=facts.serial_number,
        asset_id=facts.asset_id,
        user_name=facts.user_name,
        user_email=facts.user_email,
        referrer=facts.referrer,
        is_current_version=state.is_current,
        connection=state.connection,
        health=state.health,
    )


def _organization(logged: Event, facts: OrganizationFacts) -> schemas.EventOrganization:
    assert logged.org_id is not None
    return schemas.EventOrganization(
        org_id=format_org_id(logged.org_id),
        name=facts.name,
        msp_id=format_msp_id(logged.msp_id),
        slug=facts.slug,
    )


def _credential(facts: CredentialFacts) -> schemas.EventCredential:
    return schemas.EventCredential(
        client_id=facts.client_id, scopes=[Scope(scope) for scope in facts.scopes]
    )


def _previous(facts: Before) -> Any:
    if facts.state is not None:
        state = State.from_number(facts.state)
        return StatusRead(connection_state=state.connection, status=state.health)
    if facts.org_id is not None:
        return schemas.OrgIdBefore(org_id=format_org_id(OrgId(facts.org_id)))
    if facts.current_version is not None:
        return schemas.VersionBefore(current_version=facts.current_version)
    assert facts.name is not None
    return schemas.NameBefore(name=facts.name)
