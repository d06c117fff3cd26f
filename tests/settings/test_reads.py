"""What was chosen, as those read it who answer from it."""

from datetime import timedelta

from partner_api.kernel.ids import MspId
from partner_api.settings import retention
from partner_api.settings.quality import limits_of
from partner_api.status.quality import Limits
from partner_api.surfaces.partner.services import Services
from tests.factories.tenants import Tenant
from tests.settings.chosen import choose

_CHOSEN = "select name, value from msp_settings where msp_id = $1"


async def test_days_and_limits_are_read_as_they_were_chosen(
    tenant: Tenant, other_tenant: Tenant, services: Services
) -> None:
    await choose(
        tenant,
        retentionDays={"samples": 2, "minutes": 3, "hours": 4},
        networkQuality={"goodJitterMs": 5, "degradedPacketLossPct": 50},
    )
    async with services.tenancy.reading(MspId(tenant.msp_id)) as connection:
        days = await retention.read(connection, MspId(tenant.msp_id))
        rows = await connection.fetch(_CHOSEN, tenant.msp_id)
    assert (days.samples, days.minutes, days.hours) == tuple(map(timedelta, (2, 3, 4)))
    assert (days.logs, days.status_history) == (timedelta(30), timedelta(400))
    limits = limits_of({row["name"]: row["value"] for row in rows})
    assert limits == Limits(good_jitter_ms=5, degraded_packet_loss_pct=50)
    async with services.tenancy.reading(MspId(other_tenant.msp_id)) as connection:
        rows = await connection.fetch(_CHOSEN, other_tenant.msp_id)
    assert limits_of({row["name"]: row["value"] for row in rows}) == Limits()
