"""Organizations."""

from starlette.requests import Request
from starlette.responses import Response

from partner_api.organizations import service
from partner_api.surfaces.partner import mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.ids import org_id_in_path
from partner_api.surfaces.partner.openapi import refuses
from partner_api.surfaces.partner.organization_schemas import (
    OrganizationCreate,
    OrganizationCreatedRead,
    OrganizationRead,
    OrganizationsRead,
    OrganizationUpdate,
)
from partner_api.surfaces.partner.paging import Cursor, ListLimit, link_next
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.schemas import PageMeta
from partner_api.tenancy.principal import Scope

router = partner_router("Organizations")


@router.get(
    "/v1/organizations",
    summary="List organizations",
    response_model_exclude_none=True,
    **requires(Scope.ORGS_READ),
)
async def list_organizations(
    call: CurrentCall,
    request: Request,
    response: Response,
    limit: ListLimit = 100,
    cursor: Cursor = None,
) -> OrganizationsRead:
    """Organizations with their figures, critical first, then by name."""
    page = await call.services.organizations.list(call.principal.msp_id, limit, cursor)
    link_next(request, response, page.next_cursor)
    return OrganizationsRead(
        data=[mapping.organization(view) for view in page.rows],
        meta=PageMeta(total=page.total, next_cursor=page.next_cursor),
    )


@router.post(
    "/v1/organizations",
    summary="Create an organization",
    status_code=201,
    **requires(Scope.ORGS_WRITE),
)
async def create_organization(
    call: CurrentCall, body: OrganizationCreate
) -> OrganizationCreatedRead:
    """Create an organization."""
    row = await service.create_organization(call.session, body.name, call.clock)
    return OrganizationCreatedRead(data=mapping.created_organization(row))


@router.get("/v1/organizations/{orgId}", summary="Get an organization", **requires(Scope.ORGS_READ))
async def get_organization(call: CurrentCall, orgId: str) -> OrganizationRead:
    """One organization with its figures."""
    view = await call.services.organizations.get(call.principal.msp_id, org_id_in_path(orgId))
    return OrganizationRead(data=mapping.organization(view))


@router.patch(
    "/v1/organizations/{orgId}", summary="Rename an organization", **requires(Scope.ORGS_WRITE)
)
async def update_organization(
    call: CurrentCall,
    orgId: str,
    body: OrganizationUpdate,
) -> OrganizationRead:
    """Rename an organization."""
    org_id = org_id_in_path(orgId)
    await service.rename_organization(call.session, org_id, body.name, call.clock)
    await call.commit()
    view = await call.services.organizations.get(call.principal.msp_id, org_id)
    return OrganizationRead(data=mapping.organization(view))


@router.delete(
    "/v1/organizations/{orgId}",
    summary="Delete an organization",
    status_code=204,
    responses=refuses(
        409,
        "It has devices",
        "Cannot delete organization with assigned devices. Reassign or remove devices first.",
    ),
    **requires(Scope.ORGS_WRITE),
)
async def delete_organization(call: CurrentCall, orgId: str) -> None:
    """Delete an organization that has no devices."""
    await service.delete_organization(call.session, org_id_in_path(orgId), call.clock)
