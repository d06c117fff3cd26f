"""What a schema must be for its tables to lie on shards, as queries for what is not."""

from collections.abc import Collection, Sequence

from partner_api.database.distribution.catalog import OUR_TABLES, Connection


async def broken_rules(connection: Connection, distributed: Collection[str]) -> Sequence[str]:
    """A sentence for each rule that something breaks, with the names of what does."""
    broken = []
    for rule, offenders in _RULES.items():
        values = [sorted(distributed)] if "$1" in offenders else []
        names = [row[0] for row in await connection.fetch(offenders, *values)]
        if names:
            broken.append(f"{rule}: {', '.join(names)}")
    return broken


_OURS = f"({OUR_TABLES}) c"
_FIRST = """
    select 1 from pg_attribute a
     where a.attrelid = c.oid and a.attname = 'msp_id' and a.attnum = """

# Each returns the names of what breaks it; $1 stands for the tables that are to be distributed.
_RULES = {
    "msp_id has to be a uuid that is never null": f"""
        select c.relname from {_OURS} join pg_attribute a on a.attrelid = c.oid
         where c.relname = any($1) and a.attname = 'msp_id'
           and not (a.atttypid = 'uuid'::regtype and a.attnotnull)""",
    "every unique index has to begin with msp_id": f"""
        select i.indexrelid::regclass::text
          from {_OURS} join pg_index i on i.indrelid = c.oid
         where c.relname = any($1) and i.indisunique and not exists ({_FIRST} i.indkey[0])""",
    "every table needs a primary key, or its shards cannot be moved": f"""
        select c.relname from {_OURS}
         where c.relname = any($1) and not exists (
               select 1 from pg_constraint k where k.conrelid = c.oid and k.contype = 'p')""",
    "exclusion constraints are not supported": f"""
        select k.conname from {_OURS} join pg_constraint k on k.conrelid = c.oid
         where c.relname = any($1) and k.contype = 'x'""",
    "foreign keys among tenants' tables have to begin with msp_id on both sides": f"""
        select k.conname
          from {_OURS} join pg_constraint k on k.conrelid = c.oid and k.contype = 'f'
          join pg_class f on f.oid = k.confrelid
         where c.relname = any($1) and f.relname = any($1)
           and not (exists ({_FIRST} k.conkey[1])
                    and exists (select 1 from pg_attribute a
                                 where a.attrelid = f.oid and a.attname = 'msp_id'
                                   and a.attnum = k.confkey[1]))""",
    "no other table may refer to a tenant's": f"""
        select k.conname
          from {_OURS} join pg_constraint k on k.conrelid = c.oid and k.contype = 'f'
          join pg_class f on f.oid = k.confrelid
         where not c.relname = any($1) and f.relname = any($1)""",
    "foreign keys may restrict or cascade and nothing else": f"""
        select k.conname from {_OURS} join pg_constraint k on k.conrelid = c.oid
         where k.contype = 'f'
           and (k.confdeltype not in ('a', 'r', 'c') or k.confupdtype not in ('a', 'r', 'c'))""",
    "triggers are not supported": f"""
        select t.tgname from {_OURS} join pg_trigger t on t.tgrelid = c.oid
         where not t.tgisinternal""",
    # Each node draws from a range of its own. The inbox does with that: all events of a device are
    # written on one node, and only their order matters.
    "identity columns and sequences are not supported": f"""
        select c.relname || '.' || a.attname
          from {_OURS} join pg_attribute a on a.attrelid = c.oid
          left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         where (c.relname, a.attname) <> ('event_inbox', 'inbox_id')
           and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~ 'nextval')""",
    "a policy may hold no subquery": f"""
        select c.relname || '.' || p.polname
          from {_OURS} join pg_policy p on p.polrelid = c.oid
         where concat(pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
               ~* 'select'""",
    "row-level security has to be forced on every tenant's table": f"""
        select c.relname from {_OURS} join pg_class t on t.oid = c.oid
         where c.relname = any($1) and not (t.relrowsecurity and t.relforcerowsecurity)""",
}
