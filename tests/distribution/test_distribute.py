"""The command on a stand-in of Citus: what it refuses, in which order it works, what it finds."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.distribution.catalog import Table, read_tables
from partner_api.database.distribution.checks import refusals
from partner_api.database.distribution.distribute import distribute, show_plan
from partner_api.database.distribution.functions import OF_ONE_TENANT
from partner_api.database.distribution.placement import LOCAL, REFERENCE, ROOT, place
from partner_api.database.distribution.verify import _WALLS
from partner_api.database.migrations import upgrade
from partner_api.kernel.errors import Misconfigured
from tests.clock import StoppedClock
from tests.database.functions import DEFINERS
from tests.database.test_schema import GLOBAL_TABLES
from tests.distribution.nodes import Nodes, at, embedded_nodes, stand_in
from tests.tenancy.models import TENANT_TABLES

DISTRIBUTED = sorted(set(TENANT_TABLES) - REFERENCE)


@pytest.fixture(scope="module")
async def nodes(cluster: EmbeddedCluster, databases: Databases) -> AsyncIterator[Nodes]:
    """A migrated database beside a stand-in."""
    async with embedded_nodes(cluster, databases, "partner_api_distribute") as nodes:
        await upgrade(nodes.databases, StoppedClock().now())
        await stand_in(nodes)
        yield nodes


@pytest.fixture
async def admin(nodes: Nodes) -> AsyncIterator[asyncpg.Connection]:
    """The superuser; what was placed and said before a test is forgotten."""
    connection = await asyncpg.connect(nodes.coordinator)
    await connection.execute("truncate calls, citus_tables, refused")
    yield connection
    await connection.close()


async def calls(admin: asyncpg.Connection) -> list[str]:
    return [row[0] for row in await admin.fetch("select call from calls order by n")]


async def test_every_table_has_its_place(admin: asyncpg.Connection) -> None:
    placement = place(await read_tables(admin))
    assert sorted(placement.distributed) == DISTRIBUTED
    assert set(placement.reference) == REFERENCE
    assert set(placement.distributed) | REFERENCE | LOCAL == set(TENANT_TABLES) | GLOBAL_TABLES


def test_a_table_nobody_thought_of_is_refused() -> None:
    with pytest.raises(Misconfigured, match="where plans belongs"):
        place([Table("plans", has_tenant=False, references=frozenset())])


def test_tables_in_a_circle_are_refused() -> None:
    ring = {"a": "b", "b": "a", ROOT: "msps"}
    tables = [Table(name, has_tenant=True, references=frozenset({to})) for name, to in ring.items()]
    with pytest.raises(Misconfigured, match="in a circle"):
        place(tables)


async def test_tables_are_placed_after_those_they_refer_to(
    nodes: Nodes, admin: asyncpg.Connection
) -> None:
    said = await nodes.distribute()
    made = await calls(admin)
    placed = [call.split()[1] for call in made if call.startswith(("reference", "distributed"))]
    assert placed[: len(REFERENCE)] == sorted(REFERENCE)
    assert placed[len(REFERENCE)] == ROOT
    assert sorted(placed) == sorted([*DISTRIBUTED, *REFERENCE])
    assert [call for call in made if call.startswith("shards")] == ["shards 8"]
    truncated = {call.split()[1] for call in made if call.startswith("truncated")}
    assert truncated == set(placed)
    assert said[-1].startswith(f"{len(DISTRIBUTED)} tables are distributed by MSP")
    assert "Webhooks are not delivered" in said[-1]


async def test_other_nodes_get_the_same_rights(nodes: Nodes, admin: asyncpg.Connection) -> None:
    await nodes.distribute()
    made = await calls(admin)
    assert [call for call in made if call.endswith("with inherit true, set false")]
    assert [call for call in made if "grant UPDATE (name, name_sort" in call]
    for role in ("fleet_functions", "fleet_partitions"):
        assert [call for call in made if call.endswith(f"alter role {role} login")]
    given = "grant execute on function search_devices(text) to fleet_api"
    shut = next(n for n, call in enumerate(made) if "revoke all on function %s from public" in call)
    assert next(n for n, call in enumerate(made) if call.endswith(given)) < shut
    copied = [call for call in made if "CREATE OR REPLACE FUNCTION public.is_current" in call]
    assert len(copied) == 1
    functions = [call.split()[1].split("(")[0] for call in made if call.startswith("function")]
    for caller, callee in (("record_enrolled", "keep_texts"), ("record_version", "record_event")):
        assert functions.index(callee) < functions.index(caller)


async def test_logins_look_past_shards_and_the_owner_keeps_to_one_connection(
    nodes: Nodes, admin: asyncpg.Connection
) -> None:
    await nodes.distribute()
    rows = await admin.fetch("select rolname, rolconfig from pg_roles")
    by_login = {row["rolname"]: row["rolconfig"] for row in rows}
    for url in (nodes.databases.api, nodes.databases.ingest, nodes.databases.worker):
        assert "citus.override_table_visibility=off" in by_login[urlsplit(url).username]
    owner = by_login[urlsplit(nodes.databases.require_owner()).username]
    assert "citus.multi_shard_modify_mode=sequential" in owner


async def test_the_functions_of_one_tenant_have_one_caller(
    nodes: Nodes, admin: asyncpg.Connection
) -> None:
    await nodes.distribute()
    made = await admin.fetch("""
        select p.proname, p.proowner::regrole::text as owner,
               array(select x.grantee::regrole::text from aclexplode(p.proacl) x
                      where x.grantee <> p.proowner) as callers
          from pg_proc p where p.proargnames[1] = 'p_msp_id' and p.prosecdef
           and exists (select from pg_proc o where o.proname = p.proname
                          and o.proargnames[1] = 'p_msp_ids')
    """)
    assert {row["proname"] for row in made} == set(OF_ONE_TENANT)
    for row in made:
        assert (row["owner"], *row["callers"]) == DEFINERS[row["proname"]]


async def test_a_run_cut_short_is_completed_by_the_next(
    nodes: Nodes, admin: asyncpg.Connection
) -> None:
    await admin.execute("insert into refused values ('enrollment_tokens')")
    with pytest.raises(asyncpg.RaiseError, match="no room for enrollment_tokens"):
        await nodes.distribute()
    before = await calls(admin)
    assert f"distributed {ROOT}" in before
    await admin.execute("truncate refused")
    await nodes.distribute()
    made = await calls(admin)
    placed = [call for call in made if call.startswith(("reference", "distributed"))]
    assert len(placed) == len(set(placed)) == len(DISTRIBUTED) + len(REFERENCE)
    assert "distributed tables: 0 statements" in await nodes.distribute()


async def test_the_plan_is_shown_and_nothing_is_done(
    nodes: Nodes, admin: asyncpg.Connection
) -> None:
    said: list[str] = []
    await show_plan(nodes.coordinator, said.append, shards=16)
    first = said.index(
        "select create_distributed_table('organizations', 'msp_id', "
        "colocate_with => 'none', shard_count => 16);"
    )
    last = said.index(
        "select create_distributed_table('devices', 'msp_id', colocate_with => 'organizations');"
    )
    assert said.index("select create_reference_table('msps');") < first < last
    assert await calls(admin) == []


async def test_without_a_backup_nothing_is_begun(nodes: Nodes, admin: asyncpg.Connection) -> None:
    with pytest.raises(Misconfigured, match="no backup was confirmed"):
        await nodes.distribute(has_backup=False)
    assert await calls(admin) == []


async def test_a_login_that_is_no_superuser_is_refused(
    nodes: Nodes, admin: asyncpg.Connection
) -> None:
    owner = replace(nodes, coordinator=nodes.databases.require_owner())
    with pytest.raises(Misconfigured, match="no superuser"):
        await owner.distribute()
    assert await calls(admin) == []


async def test_a_database_without_the_extension_is_refused(
    cluster: EmbeddedCluster, databases: Databases
) -> None:
    said: list[str] = []
    url = at(cluster.admin_url, urlsplit(databases.api).path.strip("/"))
    with pytest.raises(Misconfigured, match="create extension citus"):
        await distribute(url, databases, said.append, shards=8, has_backup=True)
    assert said == []


STANDS_IN_THE_WAY = {
    "no worker has been added": "delete from pg_dist_node where groupid = 1",
    "without synced metadata: worker:5432": (
        "update pg_dist_node set metadatasynced = false where groupid = 1"
    ),
    "coordinator would hold shards": (
        "update pg_dist_node set shouldhaveshards = true where groupid = 0"
    ),
    "no coordinator that knows itself": "delete from pg_dist_node where groupid = 0",
    "worker:5432 has max_prepared_transactions at 0": "update answers set result = 'f'",
    "worker:5432 has not version 14.0-1": (
        "insert into answers values ($$select extversion from pg_extension "
        "where extname = 'citus'$$, '13.0-1')"
    ),
    "stands at 0000 and this version": "update alembic_version set version_num = '0000'",
    "msp_id has to be a uuid that is never null: members": (
        "alter table members drop constraint members_pkey; "
        "alter table members alter msp_id drop not null"
    ),
    "every unique index has to begin with msp_id: stray": (
        "create unique index stray on devices (client_id)"
    ),
    "every table needs a primary key, or its shards cannot be moved: device_labels": (
        "alter table device_labels drop constraint device_labels_pkey"
    ),
    "have to begin with msp_id on both sides: members_org_id": (
        "alter table organizations add unique (org_id, msp_id); alter table members "
        "add org_id uuid, add foreign key (org_id, msp_id) "
        "references organizations (org_id, msp_id)"
    ),
    "no other table may refer to a tenant's: releases_": (
        "alter table releases add msp uuid, add org uuid, "
        "add foreign key (msp, org) references organizations (msp_id, org_id)"
    ),
    "may restrict or cascade and nothing else: devices_": (
        "alter table devices drop constraint devices_msp_id_org_id_fkey, "
        "add foreign key (msp_id, org_id) references organizations on delete set null"
    ),
    "triggers are not supported: stray": (
        "create trigger stray before update on devices "
        "execute function suppress_redundant_updates_trigger()"
    ),
    "identity columns and sequences are not supported: members.n": (
        "alter table members add n bigint generated always as identity"
    ),
    "a policy may hold no subquery: devices.stray": (
        "create policy stray on devices using (msp_id = (select msp_id from msps limit 1))"
    ),
    "row-level security has to be forced on every tenant's table: logs": (
        "alter table logs no force row level security"
    ),
    "nothing says where plans belongs": "create table plans (name text)",
}


@pytest.mark.parametrize("reason", STANDS_IN_THE_WAY)
async def test_what_would_break_is_refused(admin: asyncpg.Connection, reason: str) -> None:
    """Changed in the transaction in which the command then looks, and undone."""
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute(STANDS_IN_THE_WAY[reason])
    try:
        assert re.search(reason, "; ".join(await all_reasons(admin)))
    finally:
        await transaction.rollback()


async def all_reasons(admin: asyncpg.Connection) -> Sequence[str]:
    try:
        return await refusals(admin, place(await read_tables(admin)))
    except Misconfigured as error:
        return [error.message]


async def test_a_table_that_lies_apart_is_told_of(nodes: Nodes, admin: asyncpg.Connection) -> None:
    await nodes.distribute()
    await admin.execute("update citus_tables set colocation_id = 3 where table_name::text = 'logs'")
    with pytest.raises(Misconfigured, match="not beside organizations: logs"):
        await nodes.distribute()


async def test_a_shard_with_other_walls_is_told_of(nodes: Nodes, admin: asyncpg.Connection) -> None:
    walls = _WALLS.replace("%s", "devices")
    await admin.execute("insert into answers values ($1, 'fewer')", walls)
    with pytest.raises(Misconfigured, match="devices, shard 1 on worker:5432, has other walls"):
        await nodes.distribute()
    await admin.execute("delete from answers where command = $1", walls)


async def test_rows_that_are_lost_are_told_of(nodes: Nodes, admin: asyncpg.Connection) -> None:
    await admin.execute("""
        insert into msps values ('00000000-0000-7000-8000-000000000001', 'One', 'epoch');
        insert into organizations (msp_id, org_id, name, name_sort, slug, created_at)
        values ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002',
                'One', 'one', 'one', 'epoch');
        create or replace function stand_in.truncate_local_data_after_distributing_table(
            p_table regclass) returns void language sql as $$ delete from organizations $$""")
    with pytest.raises(Misconfigured, match="organizations held 1 rows and holds 0"):
        await nodes.distribute()
