"""The schema as Postgres holds it: tenants first, walls forced, nothing happening by itself."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from partner_api.config import Databases
from partner_api.database.alembic_commands import check_models
from partner_api.database.migrations import upgrade
from partner_api.database.revisions import (
    MIGRATIONS,
    applied_revision,
    check_revision,
    newest_revision,
)
from partner_api.database.roles import Role
from partner_api.kernel.errors import Misconfigured
from partner_api.tenancy.rls import TENANT
from tests.clock import StoppedClock
from tests.database.functions import DEFINERS, PLAIN, PURE
from tests.tenancy.models import NAMES_A_TABLE, TENANT_TABLES

OWNER = "partner_api_owner"
GLOBAL_TABLES = {"alembic_version", "releases", "server_presence", "sweep_watermark"}

# Who sees more than one tenant, all of them: (table, policy, role).
SEES_EVERY_TENANT = {
    ("check_in_counts", "functions", "fleet_functions"),
    ("check_in_counts", "owner", OWNER),
    ("check_in_tallies", "functions", "fleet_functions"),
    ("check_in_tallies", "owner", OWNER),
    ("credentials", "owner", OWNER),
    ("device_labels", "owner", OWNER),
    ("device_reports", "functions", "fleet_functions"),
    ("device_reports", "owner", OWNER),
    ("device_texts", "functions", "fleet_functions"),
    ("device_texts", "owner", OWNER),
    ("device_transitions", "functions", "fleet_functions"),
    ("device_transitions", "owner", OWNER),
    ("devices", "functions", "fleet_functions"),
    ("devices", "owner", OWNER),
    ("enrollment_tokens", "owner", OWNER),
    ("event_inbox", "functions", "fleet_functions"),
    ("event_inbox", "owner", OWNER),
    ("event_interests", "functions", "fleet_functions"),
    ("event_interests", "owner", OWNER),
    ("event_logs", "functions", "fleet_functions"),
    ("event_logs", "owner", OWNER),
    ("events", "functions", "fleet_functions"),
    ("events", "owner", OWNER),
    ("logs", "functions", "fleet_functions"),
    ("logs", "owner", OWNER),
    ("members", "owner", OWNER),
    ("msp_settings", "functions", "fleet_functions"),
    ("msp_settings", "owner", OWNER),
    ("msps", "functions", "fleet_functions"),
    ("msps", "owner", OWNER),
    ("network_chunks", "functions", "fleet_functions"),
    ("network_chunks", "owner", OWNER),
    ("network_counters", "functions", "fleet_functions"),
    ("network_counters", "owner", OWNER),
    ("network_days", "functions", "fleet_functions"),
    ("network_days", "owner", OWNER),
    ("network_live", "functions", "fleet_functions"),
    ("network_live", "owner", OWNER),
    ("network_minutes", "functions", "fleet_functions"),
    ("network_minutes", "owner", OWNER),
    ("network_sketches", "functions", "fleet_functions"),
    ("network_sketches", "owner", OWNER),
    ("organization_counters", "functions", "fleet_functions"),
    ("organization_counters", "owner", OWNER),
    ("organization_settings", "owner", OWNER),
    ("organizations", "functions", "fleet_functions"),
    ("organizations", "owner", OWNER),
    ("sample_details", "functions", "fleet_functions"),
    ("sample_details", "owner", OWNER),
    ("sample_inbox", "functions", "fleet_functions"),
    ("sample_inbox", "owner", OWNER),
    ("status_hints", "functions", "fleet_functions"),
    ("status_hints", "owner", OWNER),
    ("webhook_deliveries", "functions", "fleet_functions"),
    ("webhook_deliveries", "owner", OWNER),
    ("webhook_outbox", "functions", "fleet_functions"),
    ("webhook_outbox", "owner", OWNER),
    ("webhook_replays", "functions", "fleet_functions"),
    ("webhook_replays", "owner", OWNER),
    ("webhooks", "functions", "fleet_functions"),
    ("webhooks", "owner", OWNER),
}


@pytest.fixture
async def connection(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """The owner's own."""
    connection = await asyncpg.connect(databases.require_owner())
    yield connection
    await connection.close()


async def column(connection: asyncpg.Connection, statement: str, *values: Any) -> list[Any]:
    return [row[0] for row in await connection.fetch(statement, *values)]


_OUR_TABLES = """
    select relname from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"""
_TABLES_WITH_TENANT = """
    select c.relname from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and not c.relispartition and a.attname = 'msp_id' and not a.attisdropped
     order by 1"""


async def test_every_table_is_a_tenants_or_known_to_be_global(
    connection: asyncpg.Connection,
) -> None:
    with_tenant = await column(connection, _TABLES_WITH_TENANT)
    assert with_tenant == TENANT_TABLES
    assert set(await column(connection, _OUR_TABLES)) == set(TENANT_TABLES) | GLOBAL_TABLES


async def test_every_tenant_table_forces_its_policies(connection: asyncpg.Connection) -> None:
    walls = "relrowsecurity and relforcerowsecurity"
    forced = await column(connection, f"{_OUR_TABLES} and {walls}")
    assert sorted(forced) == TENANT_TABLES


_POLICIES = """
    select tablename, policyname, role, permissive, cmd, qual, with_check
      from pg_policies, unnest(roles) role where schemaname = 'public'"""


async def test_the_api_sees_the_bound_tenant_on_every_tenant_table(
    connection: asyncpg.Connection,
) -> None:
    policies = await connection.fetch(f"{_POLICIES} and policyname = 'tenant' order by 1")
    assert [row["tablename"] for row in policies] == TENANT_TABLES
    for row in policies:
        assert row["role"] == Role.API
        assert (row["permissive"], row["cmd"]) == ("PERMISSIVE", "ALL")
        assert row["qual"] == row["with_check"]
        assert row["qual"] == "(msp_id = (current_setting('app.msp_id'::text))::uuid)"
    assert TENANT == "current_setting('app.msp_id')::uuid"


async def test_these_alone_see_more_than_one_tenant(connection: asyncpg.Connection) -> None:
    others = await connection.fetch(f"{_POLICIES} and policyname <> 'tenant'")
    assert {(row["tablename"], row["policyname"], row["role"]) for row in others} == (
        SEES_EVERY_TENANT
    )
    api = [row for row in await connection.fetch(_POLICIES) if row["role"] in {Role.API, "public"}]
    assert {row["policyname"] for row in api} == {"tenant"}


_KEYS = """
    select c.conrelid::regclass::text as table_name, c.conname, c.contype,
           (select attname from pg_attribute
             where attrelid = c.conrelid and attnum = c.conkey[1]) as first,
           (select attname from pg_attribute
             where attrelid = c.confrelid and attnum = c.confkey[1]) as refers_first
      from pg_constraint c join pg_class t on t.oid = c.conrelid
     where t.relname = any($1) and t.relnamespace = 'public'::regnamespace
       and c.contype in ('p', 'u', 'f', 'x')"""
_UNIQUE_INDEXES = """
    select i.indexrelid::regclass::text as name, a.attname as first
      from pg_index i join pg_class t on t.oid = i.indrelid
      left join pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0]
     where t.relname = any($1) and t.relnamespace = 'public'::regnamespace and i.indisunique"""


async def test_every_key_of_a_tenant_table_begins_with_the_tenant(
    connection: asyncpg.Connection,
) -> None:
    keys = await connection.fetch(_KEYS, TENANT_TABLES)
    assert sorted(key["table_name"] for key in keys if key["contype"] == b"p") == TENANT_TABLES
    assert {key["contype"] for key in keys} == {b"p", b"u", b"f"}
    for key in keys:
        assert key["first"] == "msp_id", key["conname"]
        assert key["refers_first"] in {None, "msp_id"}, key["conname"]
    for index in await connection.fetch(_UNIQUE_INDEXES, TENANT_TABLES):
        assert index["first"] == "msp_id", index["name"]


_CALLS = """
    select p.proname as name, p.prosecdef as is_definer, o.rolname as owner,
           p.provolatile = 'i' as is_immutable,
           o.rolcanlogin or o.rolsuper as owner_can_more,
           coalesce(p.proconfig, '{}') as settings, p.prosrc as source,
           array(select case grantee when 0 then 'public' else grantee::regrole::text end
                   from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
                  where privilege_type = 'EXECUTE' and grantee <> p.proowner) as callers
      from pg_proc p join pg_roles o on o.oid = p.proowner
     where p.pronamespace = 'public'::regnamespace order by 1"""


async def test_every_function_with_more_rights_is_its_owners_and_one_callers(
    connection: asyncpg.Connection,
) -> None:
    functions = [row for row in await connection.fetch(_CALLS) if row["is_definer"]]
    assert {row["name"]: (row["owner"], *row["callers"]) for row in functions} == DEFINERS
    for row in functions:
        assert not row["owner_can_more"], row["name"]


async def test_every_other_function_has_its_callers_rights(
    connection: asyncpg.Connection,
) -> None:
    functions = [row for row in await connection.fetch(_CALLS) if not row["is_definer"]]
    assert {row["name"]: set(row["callers"]) for row in functions} == PLAIN
    assert {row["owner"] for row in functions} == {OWNER}
    assert {row["name"] for row in functions if row["is_immutable"]} == PURE


async def test_every_function_finds_our_tables_and_no_clock(
    connection: asyncpg.Connection,
) -> None:
    for row in await connection.fetch(_CALLS):
        assert not re.search(r"\bnow\s*\(|_timestamp\b", row["source"]), row["name"]
        if row["name"] in PURE:
            assert not NAMES_A_TABLE.search(row["source"]), row["name"]
        else:
            assert "search_path=pg_catalog, public, pg_temp" in row["settings"], row["name"]


async def test_no_function_takes_a_tenant_on_trust(connection: asyncpg.Connection) -> None:
    """Search reads the setting; what names tenants joins on the token's hash as well.

    Only the relay's have no hash to show: their one tenant is a verified integrator's. What keeps
    samples reads nothing, and these count for the device of that tenant or for none. The worker's
    see every tenant, and are told of none by anybody outside.
    """
    for row in await connection.fetch(_CALLS):
        if not row["is_definer"] or row["name"] in _PASSES_ON:
            assert not row["is_definer"] or not NAMES_A_TABLE.search(row["source"])
        elif row["callers"] == [Role.API]:
            assert "current_setting('app.msp_id')::uuid" in row["source"]
        elif row["name"] in {"check_in_relayed", "relay_check_ins", "relay_devices"}:
            assert len(re.findall(r"[de]\.msp_id = (?:p|i\.)_?msp_id", row["source"])) == 1
        elif row["name"] == "keep_samples":
            assert not re.search(r"\b(?:from|join)\s+(?!unnest)", row["source"])
        elif row["callers"] == [Role.INGEST]:
            joins = row["source"].count("msp_id = i.msp_id")
            assert joins >= 1
            assert row["source"].count("token_hash = i.token_hash") == joins
            assert row["source"].count("client_id = i.client_id") == joins


# Names of the release before, for functions that took their place.
_PASSES_ON = {"check_in_group", "check_in_write"}

_OUR_KINDS = """
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind"""
_DEFAULTS = """
    select pg_get_expr(adbin, adrelid) from pg_attrdef where pg_get_expr(adbin, adrelid)"""
_ACTIVE = [
    "select tgname from pg_trigger where not tgisinternal",
    "select evtname from pg_event_trigger",
    "select typname from pg_type where typtype = 'e'",
    "select rulename from pg_rewrite where ev_class >= 16384",
    f"{_OUR_KINDS} in ('v', 'm', 'S', 'f')",
    f"{_DEFAULTS} ~* 'now|_timestamp|localtime|uuid|random|nextval'",
]


# What is written about a device under its row's lock has an order; a clock would not give it.
_SEQUENCE = "event_inbox_inbox_id_seq"


async def test_nothing_happens_by_itself(connection: asyncpg.Connection) -> None:
    for statement in _ACTIVE:
        assert set(await column(connection, statement)) <= {_SEQUENCE}, statement


async def test_sort_keys_compare_byte_by_byte(connection: asyncpg.Connection) -> None:
    sorting = """
        select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
          join pg_collation l on l.oid = a.attcollation
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and a.attname ~ '_sort$' and l.collname <> 'C'"""
    assert await column(connection, sorting) == []


async def test_models_and_schema_agree(databases: Databases) -> None:
    await asyncio.to_thread(check_models, databases.require_owner())


async def test_a_difference_between_models_and_schema_is_found(
    connection: asyncpg.Connection, databases: Databases
) -> None:
    await connection.execute("alter table members add column surplus text")
    try:
        with pytest.raises(Exception, match="surplus"):
            await asyncio.to_thread(check_models, databases.require_owner())
    finally:
        await connection.execute("alter table members drop column surplus")


async def test_upgrading_again_changes_nothing(
    connection: asyncpg.Connection, databases: Databases, clock: StoppedClock
) -> None:
    before = [await connection.fetch(each) for each in (_OUR_TABLES, _POLICIES, _CALLS)]
    await asyncio.gather(upgrade(databases, clock.now()), upgrade(databases, clock.now()))
    assert [await connection.fetch(each) for each in (_OUR_TABLES, _POLICIES, _CALLS)] == before
    assert await applied_revision(connection) == newest_revision()


def test_files_are_named_after_their_revisions() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert newest_revision() == script.get_current_head()
    for revision in script.walk_revisions():
        assert Path(revision.path).stem.partition("_")[2] == revision.revision


async def test_another_revision_is_refused_with_the_command_to_run(
    connection: asyncpg.Connection,
) -> None:
    await check_revision(connection)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("update alembic_version set version_num = '0000_earlier'")
    with pytest.raises(Misconfigured, match=r"0000_earlier.*partner-api db upgrade"):
        await check_revision(connection)
    await transaction.rollback()
