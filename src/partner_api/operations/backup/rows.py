"""Which tables there are, how much is in them, and whether the owner sees all of it."""

from collections.abc import Mapping, Sequence

import asyncpg

from partner_api.kernel.errors import Misconfigured


async def count_rows(owner: asyncpg.Connection) -> Mapping[str, int]:
    """The rows of every table, partitions by themselves."""
    return {
        name: await owner.fetchval(f"select count(*) from {_quoted(name)}")
        for name in await _tables(owner)
    }


async def tables_in_use(owner: asyncpg.Connection) -> Sequence[str]:
    """The tables that hold rows, but for the one migrations keep for themselves."""
    return [
        name
        for name in await _tables(owner)
        if name != "alembic_version"
        and await owner.fetchval(f"select exists (select from {_quoted(name)})")
    ]


async def require_whole_view(owner: asyncpg.Connection) -> None:
    """Refuse when a policy hides rows from the owner: they would be missing without a word."""
    hidden = [row[0] for row in await owner.fetch(_HIDDEN)]
    if hidden:
        raise Misconfigured(
            f"Row-level security hides rows of {', '.join(hidden)} from the login of "
            "PARTNER_API_OWNER_URL, which has no policy of its own there. Use the login that ran "
            "the migrations."
        )


_TABLES = """
select relname from pg_class
 where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname"""

_HIDDEN = """
select c.relname from pg_class c, pg_roles me
 where c.relnamespace = 'public'::regnamespace and c.relrowsecurity
   and me.rolname = current_user and not me.rolsuper and not me.rolbypassrls
   and not exists (
       select from pg_policies p
        where p.schemaname = 'public' and p.tablename = c.relname
          and p.permissive = 'PERMISSIVE' and p.cmd in ('ALL', 'SELECT') and p.qual = 'true'
          and p.roles && array[current_user, 'public'])
 order by 1"""


async def _tables(owner: asyncpg.Connection) -> Sequence[str]:
    return [row[0] for row in await owner.fetch(_TABLES)]


def _quoted(name: str) -> str:
    return 'public."' + name.replace('"', '""') + '"'
