"""The operator's work across MSPs, as commands do it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from partner_api.commands.opened import opened
from partner_api.kernel.clock import SystemClock
from partner_api.operations.administration import Administration, administration
from partner_api.operations.server import migrate_embedded

Result = TypeVar("Result")


def administer(work: Callable[[Administration], Awaitable[Result]]) -> Result:
    """Do it with the owner's login, in a database that is up to date."""

    async def run(owner_url: str) -> Result:
        async with administration(owner_url, SystemClock()) as operator:
            return await work(operator)

    with opened() as (_, databases, cluster):
        migrate_embedded(databases, cluster, SystemClock(), lambda _: None)
        return asyncio.run(run(databases.require_owner()))
