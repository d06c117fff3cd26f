"""What the coordinator's catalogs say of the schema and of the cluster."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from partner_api.database.roles import Role

Connection = asyncpg.Connection | PoolConnectionProxy

SERVING = (Role.API, Role.INGEST, Role.WORKER)
"""The roles whose logins serve traffic."""


@dataclass(frozen=True)
class Table:
    """A table of ours, and the tables its foreign keys refer to."""

    name: str
    has_tenant: bool
    references: frozenset[str]


@dataclass(frozen=True)
class ColumnGrant:
    """A right on some columns of a table, which create_distributed_table does not carry along."""

    table: str
    privilege: str
    columns: str
    grantee: str


@dataclass(frozen=True)
class Function:
    """A function of ours, whose it is and who may execute it."""

    name: str
    signature: str
    definition: str
    owner: str
    callers: Sequence[str]


async def is_distributed(connection: Connection) -> bool:
    """Whether devices lie on shards."""
    if not await connection.fetchval(_HAS_CITUS):
        return False
    found: bool = await connection.fetchval(_ARE_DISTRIBUTED)
    return found


async def placed_tables(connection: Connection) -> Collection[str]:
    """Tables Citus holds already; none without the extension."""
    if not await connection.fetchval(_HAS_CITUS):
        return ()
    return {row[0] for row in await connection.fetch(_PLACED)}


async def read_tables(connection: Connection) -> Sequence[Table]:
    """Every table of ours but partitions, which follow their parents."""
    return [
        Table(row["name"], row["has_tenant"], frozenset(row["refers"]))
        for row in await connection.fetch(_TABLES)
    ]


async def read_column_grants(connection: Connection) -> Sequence[ColumnGrant]:
    """Rights on single columns."""
    return [ColumnGrant(*row) for row in await connection.fetch(_COLUMN_GRANTS)]


async def read_logins(connection: Connection, *roles: Role) -> Sequence[str]:
    """The logins that are members of these roles, quoted."""
    return [row[0] for row in await connection.fetch(_LOGINS, roles)]


async def read_memberships(connection: Connection) -> Sequence[str]:
    """The statements that make our roles' members what they are here."""
    return [row[0] for row in await connection.fetch(_MEMBERSHIPS)]


async def read_shared_functions(
    connection: Connection, local: Collection[str]
) -> Sequence[Function]:
    """Functions that statements on shards call, each after those it calls.

    Those with their callers' rights, but for one that reads a table only the coordinator has; and
    the search, which lists of devices call where the devices are.
    """
    rows = await connection.fetch(_SHARED_FUNCTIONS, sorted(local))
    return _callees_first([Function(*row) for row in rows])


def _callees_first(functions: Sequence[Function]) -> Sequence[Function]:
    # What a body in SQL calls has to be there when it is created.
    named = {function.signature: function for function in functions}
    calls = {
        caller.signature: {
            callee.signature
            for callee in functions
            if callee is not caller and f"{callee.name}(" in caller.definition
        }
        for caller in functions
    }
    return [named[signature] for signature in TopologicalSorter(calls).static_order()]


OUR_TABLES = """
    select c.oid, c.relname, c.relowner
      from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and not c.relispartition and not exists (
           select 1 from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')"""

_HAS_CITUS = "select exists (select 1 from pg_extension where extname = 'citus')"
_ARE_DISTRIBUTED = """
    select exists (select 1 from citus_tables
                    where table_name = 'public.devices'::regclass
                      and citus_table_type = 'distributed')"""
_PLACED = """
    select c.relname from citus_tables t join pg_class c on c.oid = t.table_name
     where t.citus_table_type in ('distributed', 'reference')"""
_TABLES = f"""
    select c.relname as name,
           exists (select 1 from pg_attribute a
                    where a.attrelid = c.oid and a.attname = 'msp_id' and not a.attisdropped)
               as has_tenant,
           array(select distinct f.relname
                   from pg_constraint k join pg_class f on f.oid = k.confrelid
                  where k.conrelid = c.oid and k.contype = 'f') as refers
      from ({OUR_TABLES}) c order by 1"""
_COLUMN_GRANTS = f"""
    select c.relname, x.privilege_type, string_agg(quote_ident(a.attname), ', ' order by a.attnum),
           x.grantee::regrole::text
      from ({OUR_TABLES}) c
      join pg_attribute a on a.attrelid = c.oid
     cross join lateral aclexplode(a.attacl) x
     group by 1, 2, 4 order by 1, 2, 4"""
_LOGINS = """
    select distinct quote_ident(l.rolname) from pg_roles l
      join pg_auth_members m on m.member = l.oid and m.inherit_option
      join pg_roles r on r.oid = m.roleid
     where l.rolcanlogin and r.rolname = any($1)
     order by 1"""
_MEMBERSHIPS = """
    select distinct format('grant %I to %I with inherit %s, set %s', r.rolname, l.rolname,
                           m.inherit_option::text, m.set_option::text)
      from pg_auth_members m
      join pg_roles r on r.oid = m.roleid join pg_roles l on l.oid = m.member
     where r.rolname ~ '^fleet_' and (m.inherit_option or m.set_option)
     order by 1"""
_SHARED_FUNCTIONS = r"""
    select p.proname, p.oid::regprocedure::text, pg_get_functiondef(p.oid),
           p.proowner::regrole::text,
           array(select x.grantee::regrole::text from aclexplode(p.proacl) x
                  where x.grantee not in (0, p.proowner) order by 1)
      from pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
       and (not p.prosecdef or p.proname = 'search_devices')
       and not exists (select 1 from unnest($1::text[]) as t (name)
                        where p.prosrc ~ ('\m' || t.name || '\M'))
       and not exists (select 1 from pg_depend d
                        where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                          and d.deptype = 'e')
     order by p.oid"""
