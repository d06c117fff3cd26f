"""What the database's catalog and its clock say."""

from datetime import datetime, timedelta

import asyncpg

from partner_api.kernel.clock import Clock
from partner_api.operations.doctor.findings import Finding, fail, ok, warn

_NOTICEABLE = timedelta(seconds=1)
_HARMFUL = timedelta(seconds=30)


async def examine_row_security(connection: asyncpg.Connection) -> Finding:
    """Every table with a tenant in it must force its policies."""
    tables = await connection.fetch(_TENANT_TABLES)
    open_ones = [row["relname"] for row in tables if not row["is_forced"]]
    if open_ones:
        names = ", ".join(open_ones)
        return fail(
            "row security",
            f"off on {names}: one MSP could see another's rows. Stop the servers and, as the "
            "owner: alter table NAME enable row level security, force row level security",
        )
    return ok("row security", f"forced on all {len(tables)} tables of tenants")


async def examine_partitions(connection: asyncpg.Connection, clock: Clock) -> Finding:
    """Logs of today and tomorrow need a place to go."""
    days = [(clock.now() + timedelta(days=ahead)).date() for ahead in (0, 1)]
    needed = [f"logs_{day:%Y%m%d}" for day in days]
    found = {row["relname"] for row in await connection.fetch(_PARTITIONS, needed)}
    missing = [name for name in needed if name not in found]
    if missing:
        return fail(
            "log partitions",
            f"{', '.join(missing)} missing: logs are refused. Run partner-api db upgrade, and see "
            "that a worker runs",
        )
    return ok("log partitions", "there for today and tomorrow")


async def examine_clock(connection: asyncpg.Connection, clock: Clock) -> Finding:
    """Statuses are computed from this machine's time, tokens expire by it."""
    sent = clock.now()
    theirs: datetime = await connection.fetchval(_BEGAN)
    ours = sent + (clock.now() - sent) / 2
    apart = abs(theirs - ours)
    text = f"this machine and the database are {apart.total_seconds():.1f} s apart"
    advice = "let NTP set the time of both"
    if apart > _HARMFUL:
        return fail("clock", f"{text}; {advice}")
    return warn("clock", f"{text}; {advice}") if apart > _NOTICEABLE else ok("clock", text)


_TENANT_TABLES = """
select c.relname, c.relrowsecurity and c.relforcerowsecurity as is_forced
  from pg_class c join pg_attribute a on a.attrelid = c.oid
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
   and not c.relispartition and a.attname = 'msp_id' and not a.attisdropped
 order by 1"""

_PARTITIONS = """
select c.relname from pg_inherits i
  join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
 where p.relname = 'logs' and p.relnamespace = 'public'::regnamespace and c.relname = any($1)"""

# When this very statement began, by the database's clock.
_BEGAN = "select query_start from pg_stat_activity where pid = pg_backend_pid()"
