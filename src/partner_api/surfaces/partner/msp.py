"""The MSP itself: its figures and its members."""

from partner_api.kernel.errors import NotFound
from partner_api.kernel.ids import parse_msp_id
from partner_api.msps.service import list_members as members_of
from partner_api.surfaces.partner import mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.schemas import FleetStatsRead, MembersRead, Total
from partner_api.tenancy.principal import Scope

router = partner_router("MSP")


@router.get(
    "/v1/msp/members",
    summary="List members",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def list_members(call: CurrentCall) -> MembersRead:
    """Everybody who has logged in to the MSP's account."""
    members = [mapping.member(row) for row in await members_of(call.session)]
    return MembersRead(data=members, meta=Total(total=len(members)))


@router.get(
    "/v1/msp/{mspId}/stats", summary="Get the fleet's figures", **requires(Scope.FLEET_READ)
)
async def get_fleet_stats(call: CurrentCall, mspId: str) -> FleetStatsRead:
    """The dashboard's figures over the whole fleet."""
    msp_id = parse_msp_id(mspId)
    if msp_id is None:
        raise NotFound("MSP not found")
    call.principal.require_msp(msp_id)
    counts, total_orgs = await call.services.organizations.stats(msp_id)
    return FleetStatsRead(data=mapping.fleet_stats(counts, total_orgs))
