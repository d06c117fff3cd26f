"""Is the service there, alive, ready."""

from starlette.responses import Response

from partner_api.surfaces.partner.auth import PUBLIC
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.schemas import HealthRead, ProbeRead

router = partner_router("Service")


@router.get("/v1/health", summary="Get service and revision", **PUBLIC)
async def get_health(call: CurrentCall) -> HealthRead:
    """Which service answers here, and which deployment of it."""
    return HealthRead(revision=call.services.revision)


@router.get("/livez", summary="Check liveness", **PUBLIC)
async def get_liveness() -> ProbeRead:
    """Tell that this process answers."""
    return ProbeRead()


@router.get("/readyz", summary="Check readiness", **PUBLIC)
async def get_readiness(call: CurrentCall, response: Response) -> ProbeRead:
    """Tell whether this process can serve: the database answers and is migrated; else 503."""
    response.headers["Cache-Control"] = "no-store"
    await call.services.readiness.require()
    return ProbeRead()
