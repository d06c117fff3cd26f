"""Who may do what: what each login is, has, and is refused; and what the server refuses to be."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.roles import (
    Login,
    Role,
    check_login,
    ensure_logins,
    ensure_roles,
    logins_of,
    scram_verifier,
)
from partner_api.kernel.errors import Misconfigured
from partner_api.kernel.ids import uuid7
from tests.clock import StoppedClock
from tests.database.functions import executable_by
from tests.factories.tenants import Tenant
from tests.tenancy.models import TENANT_TABLES

OWNER = "partner_api_owner"
READS = {
    Role.API: {*TENANT_TABLES, "alembic_version", "releases", "server_presence", "sweep_watermark"},
    Role.INGEST: set(),
    Role.WORKER: {"alembic_version"},
}
WRITES = {
    Role.API: {
        "credentials",
        "device_labels",
        "device_texts",
        "device_transitions",
        "devices",
        "enrollment_tokens",
        "event_inbox",
        "event_interests",
        "msp_settings",
        "network_counters",
        "network_live",
        "organization_counters",
        "organization_settings",
        "organizations",
        "server_presence",
        "status_hints",
        "webhook_deliveries",
        "webhook_outbox",
        "webhook_replays",
        "webhooks",
    },
    Role.INGEST: set(),
    Role.WORKER: set(),
}
ACTING = [Role.API, Role.INGEST, Role.WORKER]

Connect = Callable[[Role], Awaitable[asyncpg.Connection]]


@pytest.fixture
async def connect(databases: Databases) -> AsyncIterator[Connect]:
    """Opens connections as the three logins."""
    urls = dict(zip(ACTING, (databases.api, databases.ingest, databases.worker), strict=True))
    opened: list[asyncpg.Connection] = []

    async def connect(role: Role) -> asyncpg.Connection:
        opened.append(await asyncpg.connect(urls[role]))
        return opened[-1]

    yield connect
    for connection in opened:
        await connection.close()


@pytest.fixture
async def operator(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(databases.require_owner())
    yield connection
    await connection.close()


@pytest.fixture
async def admin(
    cluster: EmbeddedCluster, databases: Databases
) -> AsyncIterator[asyncpg.Connection]:
    """The cluster's superuser, in our database."""
    database = urlsplit(databases.api).path.lstrip("/")
    connection = await asyncpg.connect(cluster.admin_url, database=database)
    yield connection
    await connection.close()


async def names(connection: asyncpg.Connection, statement: str, *values: object) -> set[str]:
    return {row[0] for row in await connection.fetch(statement, *values)}


async def test_no_role_walks_past_the_policies(operator: asyncpg.Connection) -> None:
    # All but the cluster's first superuser, whose id is fixed: initdb makes it, nobody can undo it.
    strong = "select rolname from pg_roles where (rolsuper or rolbypassrls) and oid <> 10"
    assert await names(operator, strong) == set()


async def test_roles_that_hold_rights_cannot_log_in(operator: asyncpg.Connection) -> None:
    asleep = """
        select rolname from pg_roles where rolname ~ '^fleet_' and not
        (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication)"""
    assert await names(operator, asleep) == {str(role) for role in Role}


_ATTRIBUTES = """
    select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
      from pg_roles where rolname = current_user"""
_MEMBERSHIPS = """
    select rolname from pg_roles
     where rolname <> current_user and pg_has_role(current_user, oid, 'member')"""
_CAN_BECOME = """
    select rolname from pg_roles
     where rolname <> current_user and pg_has_role(current_user, oid, 'set')"""
_OWNS = """
    select relname from pg_class where pg_get_userbyid(relowner) = current_user
    union all select proname from pg_proc where pg_get_userbyid(proowner) = current_user
    union all select nspname from pg_namespace where pg_get_userbyid(nspowner) = current_user
    union all select datname from pg_database where pg_get_userbyid(datdba) = current_user"""


@pytest.mark.parametrize("role", ACTING)
async def test_a_login_is_a_member_of_its_role_and_nothing_else(
    connect: Connect, role: Role
) -> None:
    login = await connect(role)
    assert await login.fetchval(_ATTRIBUTES) is False
    assert await names(login, _MEMBERSHIPS) == {role}
    assert await names(login, _CAN_BECOME) == set()
    assert await names(login, _OWNS) == set()


_OTHERS = "select rolname from pg_roles where rolname <> current_user and rolname !~ '^pg_'"


@pytest.mark.parametrize("role", ACTING)
async def test_a_login_can_become_nobody_else(connect: Connect, role: Role) -> None:
    login = await connect(role)
    everybody = await names(login, _OTHERS)
    assert {*map(str, Role), OWNER, "postgres"} <= everybody
    for other in everybody:
        for statement in (f'set role "{other}"', f'set session authorization "{other}"'):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.execute(f'grant "{other}" to current_user')


_RELATIONS = """
    select relname from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')"""
_SEQUENCES = """
    select relname from pg_class
     where relnamespace = 'public'::regnamespace
       and case relkind when 'S' then has_sequence_privilege(oid, 'usage, select, update') end"""


@pytest.mark.parametrize("role", ACTING)
async def test_a_login_reads_and_writes_exactly_these_tables(connect: Connect, role: Role) -> None:
    login = await connect(role)
    reads = "has_any_column_privilege(oid, 'select')"
    writes = (
        "(has_any_column_privilege(oid, 'insert, update')"
        " or has_table_privilege(oid, 'delete, truncate'))"
    )
    more = "has_table_privilege(oid, 'references, trigger, maintain, truncate')"
    assert await names(login, f"{_RELATIONS} and {reads}") == READS[role]
    assert await names(login, f"{_RELATIONS} and {writes}") == WRITES[role]
    assert await names(login, f"{_RELATIONS} and {more}") == set()
    assert await names(login, _SEQUENCES) == set()


@pytest.mark.parametrize("role", ACTING)
async def test_a_login_executes_exactly_these_functions(connect: Connect, role: Role) -> None:
    login = await connect(role)
    executes = """
        select proname from pg_proc where pronamespace = 'public'::regnamespace
           and has_function_privilege(oid, 'execute')"""
    assert await names(login, executes) == executable_by(role)


@pytest.mark.parametrize("role", ACTING)
async def test_a_login_makes_nothing_in_the_schema(connect: Connect, role: Role) -> None:
    login = await connect(role)
    for statement in (
        "create table mine ()",
        "create function mine() returns int language sql as 'select 1'",
        "create schema mine",
        "create role mine",
        "alter table devices disable row level security",
        "alter table devices no force row level security",
        "drop policy tenant on devices",
        "create policy mine on devices using (true)",
        "alter function search_devices owner to current_user",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.execute(statement)


async def test_nobody_has_rights_on_a_partition(operator: asyncpg.Connection) -> None:
    partitions = """
        select c.relname, c.relacl::text, pg_get_userbyid(c.relowner) as owner
          from pg_inherits i join pg_class c on c.oid = i.inhrelid"""
    found = await operator.fetch(partitions)
    assert len(found) >= 38
    assert {(row["relacl"], row["owner"]) for row in found} == {(None, Role.PARTITIONS)}


@pytest.mark.parametrize("role", [Role.INGEST, Role.WORKER])
async def test_a_login_without_tables_is_refused_by_each(connect: Connect, role: Role) -> None:
    login = await connect(role)
    for table in TENANT_TABLES:
        for statement in (
            f"select from {table}",
            f"insert into {table} default values",
            f"update {table} set msp_id = msp_id",
            f"delete from {table}",
            f"truncate {table}",
            f"copy {table} to stdout",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(statement)


# What the API's login sees.


async def bind(login: asyncpg.Connection, tenant: Tenant) -> None:
    await login.execute(f"set local app.msp_id = '{tenant.msp_id}'")


async def test_the_api_without_a_tenant_gets_an_error(
    connect: Connect, other_tenant: Tenant
) -> None:
    login = await connect(Role.API)
    for _ in ("never bound", "bound before"):
        for table in TENANT_TABLES:
            with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.DataError)):
                await login.fetch(f"select from {table} limit 1")
        for search in ("search_devices('a')", "matching_devices('a', 1)"):
            with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.DataError)):
                await login.fetch(f"select {search}")
        async with login.transaction():
            await bind(login, other_tenant)
            assert await login.fetchval("select count(*) from devices") == 2


async def test_the_api_bound_to_one_tenant_sees_no_other(
    connect: Connect, agent: object, tenant: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    assert agent
    login = await connect(Role.API)
    async with login.transaction():
        await bind(login, tenant)
        for table in TENANT_TABLES:
            foreign = f"select count(*) from {table} where msp_id = $1"
            assert await login.fetchval(foreign, other_tenant.msp_id) == 0
            everything = f"select count(*) from {table} where msp_id <> $1"
            assert await login.fetchval(everything, tenant.msp_id) == 0
        assert await login.fetchval("select count(*) from devices") == 1
        assert await login.fetch("select search_devices('Beta')") == []
        for text in ("Beta", "B"):
            assert await login.fetchval("select matching_devices($1, 9)", text) == []
    async with login.transaction():
        await login.execute(f"set local app.msp_id = '{uuid7(clock.now())}'")
        for table in TENANT_TABLES:
            assert await login.fetchval(f"select count(*) from {table}") == 0


async def test_the_api_writes_no_other_tenants_row(
    connect: Connect, tenant: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    login = await connect(Role.API)
    insert = """
        insert into organizations (msp_id, org_id, name, name_sort, slug, created_at)
        values ($1, $2, 'x', 'x', 'intruder', $3)"""
    values = (other_tenant.msp_id, uuid7(clock.now()), clock.now())
    transaction = login.transaction()
    await transaction.start()
    await bind(login, tenant)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await login.execute(insert, *values)
    await transaction.rollback()
    async with login.transaction():
        await bind(login, tenant)
        for statement in (
            "update devices set os = 'x' where msp_id = $1",
            "update organizations set name = 'x' where msp_id = $1",
            "update credentials set last_used_at = null where msp_id = $1",
            "delete from devices where msp_id = $1",
            "delete from organizations where msp_id = $1",
            "delete from enrollment_tokens where msp_id = $1",
            "update organization_counters set idle_current = 9 where msp_id = $1",
            "delete from msp_settings where msp_id = $1",
            "delete from organization_settings where msp_id = $1",
        ):
            assert (await login.execute(statement, other_tenant.msp_id)).endswith(" 0")


@pytest.mark.parametrize(
    "statement",
    [
        "update credentials set enabled = true",
        "update credentials set scopes = '{}'",
        "insert into credentials default values",
        "delete from credentials",
        "insert into msps default values",
        "delete from members",
        "insert into releases default values",
        "update alembic_version set version_num = 'x'",
        "insert into logs default values",
        "delete from logs",
        "update organizations set slug = 'x'",
        "update releases set applied_at = null",
        "update sweep_watermark set swept_at = 'epoch'",
        "update device_transitions set cause = 'x'",
        "delete from device_transitions",
        "delete from organization_counters",
        "delete from status_hints",
        "select from logs_{today}",
    ],
)
async def test_the_api_does_nothing_that_is_the_operators(
    connect: Connect, tenant: Tenant, clock: StoppedClock, statement: str
) -> None:
    login = await connect(Role.API)
    transaction = login.transaction()
    await transaction.start()
    await bind(login, tenant)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await login.execute(statement.replace("{today}", f"{clock.now():%Y%m%d}"))
    await transaction.rollback()


async def test_the_worker_knows_nothing_of_credentials(connect: Connect) -> None:
    login = await connect(Role.WORKER)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await login.fetch("select client_id from credentials")
    await check_login(login, Role.WORKER)


# What the server refuses to be.

_numbers = itertools.count()


@asynccontextmanager
async def a_login(
    admin: asyncpg.Connection, databases: Databases, *sentences: str
) -> AsyncIterator[asyncpg.Connection]:
    """A connection as a login made for the occasion, `{}` in the sentences that make it."""
    name = f"stranger_{next(_numbers)}"
    await admin.execute(f"create role {name} login password 'stranger'")
    await admin.execute(f"grant connect on database partner_api to {name}")
    try:
        for sentence in sentences:
            await admin.execute(sentence.format(name))
        connection = await asyncpg.connect(databases.api, user=name, password="stranger")
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await admin.execute(f"drop owned by {name} cascade")
        await admin.execute(f"drop role {name}")


MEMBER = "grant fleet_api to {} with inherit true, set false"
REFUSED: dict[str, tuple[str, ...]] = {
    "a superuser": (MEMBER, "alter role {} superuser"),
    "one past the policies": (MEMBER, "alter role {} bypassrls"),
    "one that makes roles": (MEMBER, "alter role {} createrole"),
    "one that makes databases": (MEMBER, "alter role {} createdb"),
    "an owner of tables": (MEMBER, "create table its_own ()", "alter table its_own owner to {}"),
    "a member of two roles": (MEMBER, "grant fleet_worker to {}"),
    "one that ingests too": (MEMBER, "grant fleet_ingest to {}"),
    "one with the functions' rights": (MEMBER, "grant fleet_functions to {}"),
    "one with the partitions' rights": (MEMBER, "grant fleet_partitions to {} with set false"),
    "one that may become another": (MEMBER, "grant fleet_functions to {} with inherit false"),
    "one with the owner's rights": (MEMBER, f"grant {OWNER} to {{}}"),
    "one that may become the owner": (MEMBER, f"grant {OWNER} to {{}} with inherit false"),
    "one that may become a superuser": (MEMBER, "grant postgres to {} with inherit false"),
    "a login of another role": ("grant fleet_ingest to {}",),
    "a login of no role": (),
}


@pytest.mark.parametrize("sentences", REFUSED.values(), ids=REFUSED)
async def test_a_login_that_could_see_more_is_refused(
    admin: asyncpg.Connection, databases: Databases, sentences: tuple[str, ...]
) -> None:
    async with a_login(admin, databases, *sentences) as login:
        with pytest.raises(Misconfigured, match=r"the database login .stranger_.*db upgrade"):
            await check_login(login, Role.API)


async def test_a_login_with_its_role_alone_is_accepted(
    admin: asyncpg.Connection, databases: Databases
) -> None:
    async with a_login(admin, databases, MEMBER) as login:
        await check_login(login, Role.API)


@pytest.mark.parametrize("role", ACTING)
async def test_each_login_is_accepted_as_itself_only(connect: Connect, role: Role) -> None:
    login = await connect(role)
    await check_login(login, role)
    for other in set(ACTING) - {role}:
        with pytest.raises(Misconfigured):
            await check_login(login, other)


async def test_the_owner_is_refused_as_any_of_them(operator: asyncpg.Connection) -> None:
    for role in ACTING:
        with pytest.raises(Misconfigured):
            await check_login(operator, role)


# Making them.


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("plain", "secret"),
        ('quo"ted', 'it\'s "quoted" %I %L $1'),
        ("two words; drop table devices", "@/:?#[]%20 ü"),
        ("MiXed", "\\'; drop table devices; --"),
    ],
)
async def test_a_login_is_made_as_its_url_names_it(
    operator: asyncpg.Connection,
    admin: asyncpg.Connection,
    databases: Databases,
    name: str,
    password: str,
) -> None:
    parts = urlsplit(databases.api)
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(name, safe='')}:{quote(password, safe='')}@{place}"
    url = urlunsplit(parts._replace(netloc=netloc))
    login = Login.from_url(url, Role.API)
    assert (login.name, login.password) == (name, password)
    try:
        for _ in ("made", "updated"):
            await ensure_logins(operator, [login])
            connection = await asyncpg.connect(url)
            assert await connection.fetchval("select current_user") == name
            await check_login(connection, Role.API)
            await connection.close()
        await ensure_logins(operator, [replace(login, password="another")])
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url)
        stored = "select rolpassword from pg_authid where rolname = $1"
        assert (await admin.fetchval(stored, name)).startswith("SCRAM-SHA-256$4096:")
    finally:
        await admin.execute("select set_config('our.name', $1, false)", name)
        await admin.execute(
            "do $$ begin execute format('drop owned by %1$I cascade; drop role %1$I', "
            "current_setting('our.name')); end $$"
        )


async def test_logins_that_share_a_name_are_refused(
    operator: asyncpg.Connection, databases: Databases
) -> None:
    shared = replace(databases, ingest=databases.api)
    with pytest.raises(Misconfigured, match="a user name each"):
        await ensure_logins(operator, logins_of(shared))


def test_a_url_without_a_user_is_refused() -> None:
    with pytest.raises(Misconfigured, match="names no user"):
        Login.from_url("postgresql://localhost/fleet", Role.API)


async def test_making_roles_again_changes_nothing(operator: asyncpg.Connection) -> None:
    everything = """
        select roleid::regrole::text, member::regrole::text, inherit_option, set_option
          from pg_auth_members order by 1, 2, 3, 4"""
    before = await operator.fetch(everything)
    await ensure_roles(operator)
    assert await operator.fetch(everything) == before


def test_a_password_is_never_stored_the_same_way_twice() -> None:
    one, two = scram_verifier("secret"), scram_verifier("secret")
    assert one != two
    assert "secret" not in one
