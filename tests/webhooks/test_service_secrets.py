"""Secrets under a ring of keys that is rotated."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import SecretKey
from partner_api.kernel.errors import Misconfigured
from partner_api.tenancy.session import tenant_session
from partner_api.webhooks import service
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.types import NewSecret, WebhookDraft
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant

OLD, NEW = SecretKey("k1", b"1" * 32), SecretKey("k2", b"2" * 32)
BEFORE, BOTH, AFTER = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
DRAFT = WebhookDraft("https://hooks.example.com/", ["device.online"])  # type: ignore[list-item]
DAY = timedelta(days=1)


async def create(owner: AsyncEngine, tenant: Tenant, clock: StoppedClock) -> NewSecret:
    async with tenant_session(owner, tenant.msp_id) as session:
        new = await service.create_webhook(session, DRAFT, BEFORE, clock)
        await session.commit()
    return new


async def rotate(
    owner: AsyncEngine, tenant: Tenant, clock: StoppedClock, webhook_id: UUID, sealer: Sealer
) -> str:
    async with tenant_session(owner, tenant.msp_id) as session:
        new = await service.rotate_secret(session, webhook_id, DAY, sealer, clock)
        await session.commit()
    return new.secret


async def reseal(
    owner: AsyncEngine, tenant: Tenant, clock: StoppedClock, sealer: Sealer = BOTH
) -> int:
    async with tenant_session(owner, tenant.msp_id) as session:
        count = await service.reseal_secrets(session, sealer, clock)
        await session.commit()
    return count


async def secrets(
    owner: AsyncEngine, tenant: Tenant, clock: StoppedClock, webhook_id: UUID
) -> Sequence[str]:
    """Those that sign, opened with the new key alone."""
    async with tenant_session(owner, tenant.msp_id) as session:
        webhook = await service.require_webhook(session, webhook_id)
        return service.signing_secrets(webhook, AFTER, clock.now())


async def test_what_was_sealed_anew_needs_the_first_key_only(
    owner: AsyncEngine, tenant: Tenant, clock: StoppedClock
) -> None:
    first, second = [await create(owner, tenant, clock) for _ in range(2)]
    rotated = await rotate(owner, tenant, clock, second.webhook.webhook_id, BOTH)
    with pytest.raises(Misconfigured):
        await secrets(owner, tenant, clock, first.webhook.webhook_id)
    assert await reseal(owner, tenant, clock) == 2
    assert await secrets(owner, tenant, clock, first.webhook.webhook_id) == [first.secret]
    both = [rotated, second.secret]
    assert await secrets(owner, tenant, clock, second.webhook.webhook_id) == both
    assert await reseal(owner, tenant, clock) == 0


async def test_a_secret_that_signs_no_more_needs_no_key(
    owner: AsyncEngine, tenant: Tenant, clock: StoppedClock
) -> None:
    new = await create(owner, tenant, clock)
    rotated = await rotate(owner, tenant, clock, new.webhook.webhook_id, AFTER)
    clock.advance(days=1)
    assert await reseal(owner, tenant, clock, AFTER) == 1
    assert await secrets(owner, tenant, clock, new.webhook.webhook_id) == [rotated]
    assert await reseal(owner, tenant, clock, AFTER) == 0


async def test_a_key_that_is_missing_is_named_and_nothing_changes(
    owner: AsyncEngine, tenant: Tenant, clock: StoppedClock
) -> None:
    new = await create(owner, tenant, clock)
    with pytest.raises(Misconfigured, match="has no key 'k1'"):
        await reseal(owner, tenant, clock, AFTER)
    assert await reseal(owner, tenant, clock) == 1
    assert await secrets(owner, tenant, clock, new.webhook.webhook_id) == [new.secret]
