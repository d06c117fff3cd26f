"""Devices follow what changed around them: releases that came out, settings that changed.

Both are worked off in chunks, each a transaction; until a change has reached every device, counts
are taken from the devices themselves.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from asyncpg import Record
from asyncpg.pool import PoolConnectionProxy

from partner_api.database.pools import acquired
from partner_api.kernel.clock import Clock
from partner_api.sweep.chunks import AT_ONCE, in_halves

_FOLLOW = "select follow($1, $2, $3, $4, $5)"
_ORGANIZATIONS_AT_ONCE = 100
_BEFORE_ALL = UUID(int=0)


class Followers:
    """Works off what changed; safe to run in several processes."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def work(self) -> None:
        """Let every device follow every change there is now."""
        async with acquired(self._pool) as connection:
            await self._releases(connection)
            await self._settings(connection)

    async def _releases(self, connection: PoolConnectionProxy) -> None:
        await connection.execute("select notice_releases()")
        releases = await connection.fetch("select * from unapplied_releases()")
        for release in releases:
            for row in await connection.fetch("select * from every_msp()"):
                await self._outdate(connection, release, row["msp_id"])
            names = (release["channel"], release["os"], release["version"])
            await connection.execute(
                "select finish_release($1, $2, $3, $4)", *names, self._clock.now()
            )

    async def _outdate(
        self, connection: PoolConnectionProxy, release: Record, msp_id: UUID
    ) -> None:
        names = (release["channel"], release["os"], release["version_sort"])
        position: tuple[str, UUID] = ("", _BEFORE_ALL)
        while rows := await connection.fetch(
            "select * from outdated_devices($1, $2, $3, $4, $5, $6, $7)",
            msp_id,
            *names,
            *position,
            AT_ONCE,
        ):
            devices = [row["client_id"] for row in rows]
            await self._follow(connection, msp_id, devices, release["published_at"], "release")
            position = (rows[-1]["version_sort"], rows[-1]["client_id"])

    async def _settings(self, connection: PoolConnectionProxy) -> None:
        while changed := await connection.fetch(
            "select * from changed_organizations($1)", _ORGANIZATIONS_AT_ONCE
        ):
            for organization in changed:
                await self._settle(connection, *organization)

    async def _settle(
        self, connection: PoolConnectionProxy, msp_id: UUID, org_id: UUID, changed_at: datetime
    ) -> None:
        position = _BEFORE_ALL
        while rows := await connection.fetch(
            "select * from organization_devices($1, $2, $3, $4)",
            msp_id,
            org_id,
            position,
            AT_ONCE,
        ):
            devices = [row["client_id"] for row in rows]
            await self._follow(connection, msp_id, devices, changed_at, "settings")
            position = devices[-1]
        await connection.execute(
            "select finish_organization($1, $2, $3)", msp_id, org_id, changed_at
        )

    async def _follow(
        self,
        connection: PoolConnectionProxy,
        msp_id: UUID,
        devices: Sequence[UUID],
        moment: datetime,
        cause: str,
    ) -> None:
        async def write(chunk: Sequence[UUID]) -> int:
            await connection.execute(_FOLLOW, msp_id, chunk, moment, cause, self._clock.now())
            return len(chunk)

        await in_halves(write, devices)
