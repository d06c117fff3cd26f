"""Sessions that know their tenant, with and without the database's help."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import aliased

from partner_api.devices.models import Device
from partner_api.kernel.ids import MspId, uuid7
from partner_api.organizations.models import Organization
from partner_api.surfaces.partner.services import Services
from partner_api.tenancy.session import TenantSession, tenant_session
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant

REFUSED = "row-level security policy"


@pytest.fixture
async def ours(tenant: Tenant) -> Tenant:
    for name in ("One", "Two"):
        await tenant.enroll(await tenant.create_organization(name))
    return tenant


@pytest.fixture
async def session(ours: Tenant, owner: AsyncEngine) -> AsyncIterator[TenantSession]:
    """Bound to our MSP but on the owner's login, whom Postgres shows every tenant's rows."""
    async with tenant_session(owner, ours.msp_id) as session:
        yield session


@pytest.fixture
def api(services: Services) -> AsyncEngine:
    """The API's own login, whom Postgres shows one tenant's rows."""
    return services.tenancy._engine


def organization(clock: StoppedClock, msp_id: UUID | None = None) -> Organization:
    org_id = uuid7(clock.now())
    name = f"New {org_id}"
    made = Organization(org_id=org_id, name=name, name_sort=name, slug=str(org_id))
    made.created_at = clock.now()
    if msp_id is not None:
        made.msp_id = msp_id
    return made


async def count(engine: AsyncEngine, tenant: Tenant, where: str = "true") -> int:
    statement = f"select count(*) from organizations where msp_id = :msp_id and {where}"
    async with engine.connect() as connection:
        result = await connection.execute(text(statement), {"msp_id": tenant.msp_id})
        found: int = result.scalar_one()
        return found


async def foreign_key(owner: AsyncEngine, tenant: Tenant) -> tuple[UUID, UUID]:
    statement = text("select org_id from organizations where msp_id = :msp_id limit 1")
    async with owner.connect() as connection:
        row = (await connection.execute(statement, {"msp_id": tenant.msp_id})).one()
        return tenant.msp_id, row.org_id


async def test_a_select_sees_one_tenants_rows(
    session: TenantSession, ours: Tenant, other_tenant: Tenant
) -> None:
    mine = {ours.msp_id}
    assert {row.msp_id for row in await session.scalars(select(Organization))} == mine
    assert set(await session.scalars(select(Organization.msp_id))) == mine
    alias = aliased(Organization)
    assert set(await session.scalars(select(alias.msp_id))) == mine
    joined = select(Device.msp_id, alias.msp_id).join(alias, alias.org_id == Device.org_id)
    assert {tuple(row) for row in await session.execute(joined)} == {(ours.msp_id, ours.msp_id)}
    everywhere = select(Organization).where(Organization.msp_id == other_tenant.msp_id)
    assert list(await session.scalars(everywhere)) == []
    within = select(func.count()).where(Organization.org_id.in_(select(alias.org_id)))
    assert await session.scalar(within) == 2
    assert await session.scalar(select(func.count()).select_from(Organization)) == 2


async def test_a_get_finds_no_foreign_row(
    session: TenantSession, owner: AsyncEngine, ours: Tenant, other_tenant: Tenant
) -> None:
    assert await session.get(Organization, await foreign_key(owner, ours))
    assert await session.get(Organization, await foreign_key(owner, other_tenant)) is None


async def test_an_update_changes_one_tenants_rows(
    session: TenantSession, owner: AsyncEngine, ours: Tenant, other_tenant: Tenant
) -> None:
    await session.execute(update(Organization).values(name="Renamed"))
    await session.commit()
    assert await count(owner, ours, "name = 'Renamed'") == 2
    assert await count(owner, other_tenant, "name = 'Renamed'") == 0


async def test_a_delete_removes_one_tenants_rows(
    session: TenantSession, owner: AsyncEngine, ours: Tenant, other_tenant: Tenant
) -> None:
    await session.execute(delete(Device))
    await session.execute(delete(Organization))
    await session.commit()
    assert await count(owner, ours) == 0
    assert await count(owner, other_tenant) == 2


async def test_a_new_row_is_stamped(
    session: TenantSession, owner: AsyncEngine, ours: Tenant, clock: StoppedClock
) -> None:
    made = organization(clock)
    session.add(made)
    await session.commit()
    assert made.msp_id == ours.msp_id
    assert await count(owner, ours) == 3


async def test_a_foreign_row_is_refused(
    session: TenantSession, owner: AsyncEngine, other_tenant: Tenant, clock: StoppedClock
) -> None:
    session.add(organization(clock, other_tenant.msp_id))
    with pytest.raises(LookupError):
        await session.commit()
    assert await count(owner, other_tenant) == 2


async def test_a_session_without_a_tenant_refuses_to_work(
    owner: AsyncEngine, clock: StoppedClock
) -> None:
    async with TenantSession(owner) as session:
        with pytest.raises(LookupError):
            await session.scalars(select(Organization))
    async with TenantSession(owner) as session:
        with pytest.raises(LookupError):
            await session.execute(text("select 1"))
    async with TenantSession(owner) as session:
        session.add(organization(clock))
        with pytest.raises(LookupError):
            await session.flush()
    with pytest.raises(LookupError):
        _ = TenantSession(owner).msp_id


async def test_text_and_tables_are_narrowed_by_postgres(
    api: AsyncEngine, ours: Tenant, other_tenant: Tenant
) -> None:
    for tenant in (ours, other_tenant):
        async with tenant_session(api, tenant.msp_id) as session:
            for statement in (
                text("select msp_id from organizations"),
                select(Organization.__table__.c.msp_id),
            ):
                assert set(await session.scalars(statement)) == {tenant.msp_id}
            foreign = text("select count(*) from devices where msp_id <> :msp_id")
            assert await session.scalar(foreign, {"msp_id": tenant.msp_id}) == 0


async def test_every_transaction_of_a_session_is_bound(
    api: AsyncEngine, ours: Tenant, clock: StoppedClock
) -> None:
    bound = text("select current_setting('app.msp_id')")
    async with tenant_session(api, ours.msp_id) as session:
        assert await session.scalar(bound) == str(ours.msp_id)
        await session.commit()
        assert await session.scalar(bound) == str(ours.msp_id)
        await session.rollback()
        session.add(organization(clock))
        async with session.begin_nested():
            assert await session.scalar(bound) == str(ours.msp_id)
        assert await session.scalar(bound) == str(ours.msp_id)
        await session.rollback()


async def test_postgres_refuses_what_the_session_cannot_see(
    api: AsyncEngine, owner: AsyncEngine, ours: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    row = organization(clock, other_tenant.msp_id)
    values = {column.key: getattr(row, column.key) for column in Organization.__table__.columns}
    async with tenant_session(api, ours.msp_id) as session:
        with pytest.raises(DBAPIError, match=REFUSED):
            await session.execute(insert(Organization).values(values))
    statement = "update devices set msp_id = :other"
    async with tenant_session(api, ours.msp_id) as session:
        with pytest.raises(DBAPIError, match=REFUSED):
            await session.execute(text(statement), {"other": other_tenant.msp_id})
    assert await count(owner, ours) == 2
    assert await count(owner, other_tenant) == 2


async def test_an_ordinary_session_on_the_api_login_sees_nothing(api: AsyncEngine) -> None:
    async with AsyncSession(api) as session:
        with pytest.raises(DBAPIError):
            await session.execute(text("select count(*) from organizations"))


async def test_sessions_of_two_tenants_do_not_mix(
    api: AsyncEngine, ours: Tenant, other_tenant: Tenant
) -> None:
    one = tenant_session(api, ours.msp_id)
    two = tenant_session(api, MspId(other_tenant.msp_id))
    async with one, two:
        for session, tenant in ((one, ours), (two, other_tenant), (one, ours)):
            rows = await session.scalars(select(Organization))
            assert {row.msp_id for row in rows} == {tenant.msp_id}
