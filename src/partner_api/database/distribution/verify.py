"""What has to be so afterwards; every run looks again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

import asyncpg

from partner_api.database.distribution.catalog import Connection, read_shared_functions
from partner_api.database.distribution.placement import LOCAL, ROOT, Placement
from partner_api.database.roles import Role


async def count_rows(connection: Connection, placement: Placement) -> Mapping[str, int]:
    """How many rows each table holds, wherever they are."""
    return {
        table: await connection.fetchval(f"select count(*) from {table}")
        for table in (*placement.reference, *placement.distributed)
    }


async def flaws(
    connection: Connection, placement: Placement, before: Mapping[str, int]
) -> Sequence[str]:
    """A sentence for everything that is not as it should be."""
    found = [
        f"{table} held {before[table]} rows and holds {rows}"
        for table, rows in (await count_rows(connection, placement)).items()
        if rows != before[table]
    ]
    apart = [row[0] for row in await connection.fetch(_APART, placement.distributed, ROOT)]
    if apart:
        found.append(f"not beside {ROOT}: {', '.join(apart)}")
    found += await _node_flaws(connection)
    return [*found, *[flaw async for flaw in _shard_flaws(connection, placement)]]


async def _node_flaws(connection: Connection) -> Sequence[str]:
    shared = await read_shared_functions(connection, LOCAL)
    signatures = ", ".join(f"'{function.signature}'::regprocedure" for function in shared)
    digest = _FUNCTIONS.replace("%s", signatures)
    expected = {
        digest: ("functions that differ", await connection.fetchval(digest)),
        _OPEN: ("functions that anybody may execute", "0"),
        ROLES_THAT_LOG_IN: ("roles that may not log in from the coordinator", "2"),
    }
    return [
        f"{row['nodename']}:{row['nodeport']} has {what}: {row['result']}"
        for statement, (what, value) in expected.items()
        for row in await connection.fetch("select * from run_command_on_workers($1)", statement)
        if row["result"] != value
    ]


async def _shard_flaws(connection: Connection, placement: Placement) -> AsyncIterator[str]:
    for table in (*placement.reference, *placement.distributed):
        expected = await connection.fetchval(_WALLS.replace("%s", table))
        rows = await connection.fetch(
            "select * from run_command_on_placements($1::text::regclass, $2)", table, _WALLS
        )
        for row in rows:
            if not row["success"] or row["result"] != expected:
                yield (
                    f"{table}, shard {row['shardid']} on {row['nodename']}:{row['nodeport']}, has "
                    f"other walls or rights than the table: {row['result']}"
                )


async def probe(connection: Connection, api: Connection, placement: Placement) -> Sequence[str]:
    """What a login of the API finds amiss: it must see its tenant's rows and no others."""
    found = []
    for table in placement.distributed:
        try:
            await api.fetch(f"select 1 from {table} limit 1")
        except (asyncpg.DataError, asyncpg.UndefinedObjectError):
            continue
        found.append(f"{table} can be read although no tenant is bound")
    samples = [row[0] for row in await connection.fetch(_SOME_TENANTS)]
    for msp_id in (*samples, _NOBODY):
        found += await _differences(connection, api, placement, msp_id)
    return found


async def _differences(
    connection: Connection, api: Connection, placement: Placement, msp_id: UUID
) -> Sequence[str]:
    found = []
    async with api.transaction(readonly=True):
        await api.execute(f"set local app.msp_id = '{msp_id}'")
        for table in placement.distributed:
            counted = f"select count(*) from {table}"
            seen = await api.fetchval(counted)
            own = await connection.fetchval(f"{counted} where msp_id = $1", msp_id)
            if seen != own:
                found.append(f"bound to {msp_id}, the API sees {seen} of {own} rows of {table}")
    return found


_NOBODY = UUID(int=0)
_SOME_TENANTS = "select distinct msp_id from organizations order by 1 limit 2"
_APART = """
    select c.relname from citus_tables t join pg_class c on c.oid = t.table_name
     where c.relname = any($1) and t.colocation_id <> (
           select r.colocation_id from citus_tables r where r.table_name = $2::text::regclass)
     order by 1"""
# Run for the table itself, and by Citus for each of its shards.
_WALLS = """
    with t as (select '%s'::regclass::oid as oid)
    select md5(concat_ws(';', c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole,
           array(select a::text from unnest(c.relacl) a order by 1),
           array(select a.attname || ':' || x::text
                   from pg_attribute a, unnest(a.attacl) x where a.attrelid = c.oid order by 1),
           array(select concat_ws(' ', p.polname, p.polcmd, p.polpermissive,
                                  array(select r::regrole::text
                                          from unnest(p.polroles) r order by 1),
                                  pg_get_expr(p.polqual, p.polrelid),
                                  pg_get_expr(p.polwithcheck, p.polrelid))
                   from pg_policy p where p.polrelid = c.oid order by 1)))
      from pg_class c, t where c.oid = t.oid"""
_FUNCTIONS = """
    select md5(string_agg(concat_ws(' ', p.oid::regprocedure, md5(p.prosrc), p.prosecdef,
               p.proowner::regrole, array(select a::text from unnest(p.proacl) a order by 1)),
               ';' order by p.oid::regprocedure::text))
      from pg_proc p where p.oid in (%s)"""
ROLES_THAT_LOG_IN = f"""
    select count(*) from pg_roles
     where rolcanlogin and rolname in ('{Role.FUNCTIONS}', '{Role.PARTITIONS}')"""
_OPEN = """
    select count(*) from pg_proc p
     where p.pronamespace = 'public'::regnamespace
       and has_function_privilege('public', p.oid, 'execute')
       and not exists (select 1 from pg_depend d
                        where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                          and d.deptype = 'e')"""
