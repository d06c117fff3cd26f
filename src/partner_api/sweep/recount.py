"""Counts devices anew now and then, in case something wrote past the functions that keep count."""

from uuid import UUID

import asyncpg

from partner_api.database.pools import acquired

_ORGANIZATIONS_AT_ONCE = 100


async def recount(pool: asyncpg.Pool) -> int:
    """Mend every organization's counters; returns how many were wrong.

    None is, but after an upgrade during which processes of the release before still ran.
    """
    wrong = 0
    position = (UUID(int=0), UUID(int=0))
    async with acquired(pool) as connection:
        while rows := await connection.fetch(
            "select * from every_organization($1, $2, $3)", *position, _ORGANIZATIONS_AT_ONCE
        ):
            for row in rows:
                wrong += await connection.fetchval("select recount($1, $2)", *row)
            position = (rows[-1]["msp_id"], rows[-1]["org_id"])
    return wrong
