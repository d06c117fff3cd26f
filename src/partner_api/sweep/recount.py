"""Counts devices anew now and then, in case something wrote past the functions that keep count."""

import logging
from uuid import UUID

import asyncpg
from asyncpg import QueryCanceledError
from asyncpg.pool import PoolConnectionProxy

from partner_api.database.pools import acquired
from partner_api.kernel.ids import format_msp_id
from partner_api.sweep.chunks import AT_ONCE

_ORGANIZATIONS_AT_ONCE = 100
_BEFORE_ALL = UUID(int=0)
_logger = logging.getLogger(__name__)


async def recount(pool: asyncpg.Pool) -> int:
    """Mend every organization's counters, and the texts its devices are searched in.

    Returns how many organizations' counters were wrong. None is, and no text, but after an upgrade
    during which processes of the release before still ran: what those wrote past our functions is
    searched as it was before, or not found, until this comes by or the device states its facts.
    """
    wrong = 0
    position = (_BEFORE_ALL, _BEFORE_ALL)
    async with acquired(pool) as connection:
        while rows := await connection.fetch(
            "select * from every_organization($1, $2, $3)", *position, _ORGANIZATIONS_AT_ONCE
        ):
            for row in rows:
                wrong += await connection.fetchval("select recount($1, $2)", *row)
                await _mend_texts(connection, *row)
            position = (rows[-1]["msp_id"], rows[-1]["org_id"])
        for (msp_id,) in await connection.fetch("select msp_id from every_msp()"):
            try:
                wrong += await connection.fetchval("select recount_levels($1)", msp_id)
            except QueryCanceledError:
                # The others' turns come all the same.
                _logger.error("Recounting networks of %s took too long", format_msp_id(msp_id))  # noqa: TRY400
    return wrong


async def _mend_texts(connection: PoolConnectionProxy, msp_id: UUID, org_id: UUID) -> None:
    position = _BEFORE_ALL
    while rows := await connection.fetch(
        "select * from organization_devices($1, $2, $3, $4)", msp_id, org_id, position, AT_ONCE
    ):
        devices = [row["client_id"] for row in rows]
        await connection.execute("select mend_texts($1, $2)", msp_id, devices)
        position = devices[-1]
