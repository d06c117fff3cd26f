"""The life of a credential: regenerated, disabled, used."""

from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.identity import liveness
from partner_api.identity.service import create_credential, set_credential_enabled
from partner_api.kernel.clock import SystemClock
from partner_api.tenancy.session import tenant_session
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant


@pytest.fixture
def wrist_watch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the process takes for the seconds since it started."""
    watch = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(liveness, "time", SimpleNamespace(monotonic=lambda: watch.seconds))
    return watch


async def enable(owner: AsyncEngine, tenant: Tenant, *, enabled: bool) -> None:
    async with tenant_session(owner, tenant.msp_id) as session:
        await set_credential_enabled(session, tenant.client_id, SystemClock(), enabled=enabled)
        await session.commit()


async def test_regenerating_kills_the_old_secret_at_once(tenant: Tenant) -> None:
    answer = await tenant.post("/v1/credentials/regenerate")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await tenant.request_token()).status_code == 401
    old, tenant.client_secret = tenant.client_secret, answer.json()["clientSecret"]
    assert tenant.client_secret != old
    assert (await tenant.request_token()).status_code == 200


async def test_issued_tokens_outlive_their_secret(tenant: Tenant, clock: StoppedClock) -> None:
    narrow = (await tenant.request_token(scope="orgs:read")).json()["access_token"]
    for _ in range(2):
        assert (await tenant.post("/v1/credentials/regenerate")).status_code == 200
    clock.advance(minutes=59)
    assert (await tenant.get("/v1/credentials")).status_code == 200
    headers = {"Authorization": f"Bearer {narrow}"}
    assert (await tenant.http.get("/v1/credentials", headers=headers)).status_code == 200


async def test_another_credential_keeps_its_secret(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    async with tenant_session(owner, tenant.msp_id) as session:
        second = await create_credential(session, tenant.msp_id, clock)
        await session.commit()
    await tenant.post("/v1/credentials/regenerate")
    tenant.client_id, tenant.client_secret = second.client_id, second.client_secret
    token = (await tenant.request_token()).json()["access_token"]
    shown = await tenant.http.get("/v1/credentials", headers={"Authorization": f"Bearer {token}"})
    assert shown.json()["clientId"] == second.client_id


async def test_a_disabled_credentials_tokens_die_within_five_seconds(
    tenant: Tenant, owner: AsyncEngine, wrist_watch: SimpleNamespace
) -> None:
    assert (await tenant.get("/v1/devices")).status_code == 200
    await enable(owner, tenant, enabled=False)
    wrist_watch.seconds += 4.9
    answer = await tenant.get("/v1/devices")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Unauthorized", "message": "Invalid or expired token"}
    assert (await tenant.post("/v1/credentials/regenerate")).status_code == 401


async def test_a_credential_enabled_again_has_its_tokens_back(
    tenant: Tenant, owner: AsyncEngine, wrist_watch: SimpleNamespace
) -> None:
    await enable(owner, tenant, enabled=False)
    wrist_watch.seconds += 4.9
    assert (await tenant.get("/v1/devices")).status_code == 401
    await enable(owner, tenant, enabled=True)
    wrist_watch.seconds += 4.9
    assert (await tenant.get("/v1/devices")).status_code == 200


async def test_a_disabled_credential_gets_no_token(tenant: Tenant, owner: AsyncEngine) -> None:
    await enable(owner, tenant, enabled=False)
    refused = await tenant.request_token()
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    await enable(owner, tenant, enabled=True)
    assert (await tenant.request_token()).status_code == 200


async def test_a_busy_client_is_asked_about_once_in_a_while(
    tenant: Tenant, owner: AsyncEngine, wrist_watch: SimpleNamespace
) -> None:
    assert (await tenant.get("/v1/devices")).status_code == 200
    await enable(owner, tenant, enabled=False)
    wrist_watch.seconds += 1.0
    assert (await tenant.get("/v1/devices")).status_code == 200


async def test_last_used_is_written_once_a_second_at_most(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    # The first token was issued when the tenant was made, at this very instant.
    first = await _row_version(owner, tenant)
    used = []
    for seconds in (0, 0.5, 0.499999, 0.000001, 0.999999, 0.000001):
        clock.advance(seconds=seconds)
        assert (await tenant.request_token()).status_code == 200
        used.append(await _row_version(owner, tenant) != first)
        if used[-1]:
            first = await _row_version(owner, tenant)
    assert used == [False, False, False, True, False, True]
    shown = (await tenant.get("/v1/credentials")).json()["lastUsedAt"]
    assert shown == clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_refused_token_request_is_no_use(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    before = await _row_version(owner, tenant)
    clock.advance(minutes=1)
    await tenant.request_token(client_secret="nwx_cs_wrong")
    await tenant.request_token(scope="everything")
    assert await _row_version(owner, tenant) == before


async def test_a_credential_nobody_used_omits_when(tenant: Tenant, owner: AsyncEngine) -> None:
    statement = "update credentials set last_used_at = null where msp_id = :msp_id"
    async with owner.begin() as connection:
        await connection.execute(text(statement), {"msp_id": tenant.msp_id})
    body = (await tenant.get("/v1/credentials")).json()
    assert set(body) == {"exists", "clientId", "scopes", "createdAt", "enabled"}


async def _row_version(owner: AsyncEngine, tenant: Tenant) -> str:
    statement = "select xmin::text from credentials where msp_id = :msp_id"
    async with owner.connect() as connection:
        found: str = (
            await connection.execute(text(statement), {"msp_id": tenant.msp_id})
        ).scalar_one()
    return found
