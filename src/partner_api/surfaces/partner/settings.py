"""What an MSP chooses for its fleet, and for one organization differently."""

from typing import Any

from partner_api.organizations import settings as service
from partner_api.settings.levels import Level, server_level
from partner_api.surfaces.partner import mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.ids import org_id_in_path
from partner_api.surfaces.partner.openapi_answers import schema_reference
from partner_api.surfaces.partner.routing import Call, CurrentCall, partner_router
from partner_api.surfaces.partner.settings_schemas import (
    MspSettingsUpdate,
    OrganizationSettingsUpdate,
    SettingsRead,
    change_of,
)
from partner_api.tenancy.principal import Scope

router = partner_router("Settings")

_MSP = "/v1/msp/settings"
_ORGANIZATION = "/v1/organizations/{orgId}/settings"


def _patches(model: str) -> dict[str, Any]:
    """A route that changes settings, and takes RFC 7396's own media type beside plain JSON."""
    content = {"application/merge-patch+json": {"schema": schema_reference(model)}}
    body = {"requestBody": {"content": content}}
    return {"openapi_extra": requires(Scope.ORGS_WRITE)["openapi_extra"] | body}


@router.get(_MSP, summary="Get the fleet's settings", **requires(Scope.FLEET_READ))
async def get_msp_settings(call: CurrentCall) -> SettingsRead:
    """What holds in every organization for which nothing else is chosen."""
    return SettingsRead(
        data=mapping.settings(await service.read_msp_settings(call.session, _server(call)))
    )


@router.patch(_MSP, summary="Change the fleet's settings", **_patches("MspSettingsUpdate"))
async def update_msp_settings(call: CurrentCall, body: MspSettingsUpdate) -> SettingsRead:
    """Choose for the whole MSP.

    Thresholds must stay in order, in every organization: streamingSeconds, onlineSeconds,
    criticalSeconds. Devices follow within seconds, with a step each whose state changes. What is
    good of `networkQuality` must be at most what is degraded.
    """
    values = await service.change_msp_settings(
        call.session, _server(call), change_of(body), call.clock
    )
    return SettingsRead(data=mapping.settings(values))


@router.get(_ORGANIZATION, summary="Get an organization's settings", **requires(Scope.ORGS_READ))
async def get_organization_settings(
    call: CurrentCall,
    orgId: str,
) -> SettingsRead:
    """What holds in an organization: chosen for it, else by its MSP, else the server's."""
    values = await service.read_organization_settings(
        call.session, org_id_in_path(orgId), _server(call)
    )
    return SettingsRead(data=mapping.settings(values))


@router.patch(
    _ORGANIZATION,
    summary="Change an organization's settings",
    **_patches("OrganizationSettingsUpdate"),
)
async def update_organization_settings(
    call: CurrentCall,
    orgId: str,
    body: OrganizationSettingsUpdate,
) -> SettingsRead:
    """Choose for one organization.

    Thresholds must stay in order: streamingSeconds, onlineSeconds, criticalSeconds.
    How far back records are read (`retentionDays`) and what makes a network good or degraded
    (`networkQuality`) is the same for the whole MSP.
    """
    values = await service.change_organization_settings(
        call.session, org_id_in_path(orgId), _server(call), change_of(body), call.clock
    )
    return SettingsRead(data=mapping.settings(values))


def _server(call: Call) -> Level:
    return server_level(call.services.check_in_interval_seconds)
