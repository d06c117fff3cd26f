"""`partner-api db distribute`: checks, works off the plan, looks at what became of it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg

from partner_api.config import Databases
from partner_api.database.distribution.checks import refusals
from partner_api.database.distribution.plan import SESSION, Plan, Step, make_plan
from partner_api.database.distribution.verify import count_rows, flaws, probe
from partner_api.database.migrations import lock_schema
from partner_api.kernel.errors import Misconfigured

Announce = Callable[[str], None]

_WITHOUT_BACKUP = "no backup was confirmed: take one and add --backup-taken"


async def distribute(
    url: str, databases: Databases, announce: Announce, *, shards: int, has_backup: bool
) -> None:
    """Distribute a database's tables, or complete a run that was cut short.

    Misconfigured with every reason when it must not begin, with nothing changed; or with what is
    wrong afterwards. Safe to run again.
    """
    async with _connected(url) as connection:
        await lock_schema(connection)
        plan = await make_plan(connection, shards)
        reasons = list(await refusals(connection, plan.placement))
        if not has_backup:
            reasons.append(_WITHOUT_BACKUP)
        _refuse(reasons)
        for setting in SESSION:
            await connection.execute(setting)
        before = await count_rows(connection, plan.placement)
        for step in plan.steps:
            await _work(connection, step, announce)
        await _verify(connection, databases, plan, before, announce)


async def show_plan(url: str, announce: Announce, *, shards: int) -> None:
    """Announce the statements in their order, and then whatever stands in their way."""
    async with _connected(url) as connection:
        plan = await make_plan(connection, shards)
        for step in (Step("session", SESSION), *plan.steps):
            announce(f"-- {step.name}")
            for statement in step.statements:
                announce(f"{statement.strip()};")
        _refuse(await refusals(connection, plan.placement))


def _refuse(reasons: Sequence[str]) -> None:
    if reasons:
        raise Misconfigured(_listed("nothing is distributed", reasons))


async def _work(connection: asyncpg.Connection, step: Step, announce: Announce) -> None:
    announce(f"{step.name}: {len(step.statements)} statements")
    for statement in step.statements:
        rows = await connection.fetch(statement)
        failed = [row["result"] for row in rows if row.get("success") is False]
        if failed:
            raise Misconfigured(f"{step.name}: {failed[0]}, from: {statement}. Run this again")


async def _verify(
    connection: asyncpg.Connection,
    databases: Databases,
    plan: Plan,
    before: Mapping[str, int],
    announce: Announce,
) -> None:
    announce("looking at every shard")
    found = list(await flaws(connection, plan.placement, before))
    async with _connected(databases.api) as api:
        found += await probe(connection, api, plan.placement)
    if found:
        raise Misconfigured(_listed("distributed, and not as it should be", found))
    tables = len(plan.placement.distributed)
    announce(
        f"{tables} tables are distributed by MSP, {sum(before.values())} rows as before. Webhooks "
        "are not delivered from a distributed database, see docs/distribution.md"
    )


def _listed(what: str, reasons: Sequence[str]) -> str:
    return "\n- ".join([f"{what}:", *reasons])


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    # Other than a server's, these statements may take as long as they need.
    connection = await asyncpg.connect(url, server_settings={"application_name": "db distribute"})
    try:
        yield connection
    finally:
        await connection.close()
