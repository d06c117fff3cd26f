"""What only a real Citus can tell: other nodes, and what is carried to them."""

import asyncpg
import pytest

from partner_api.database.distribution.plan import SESSION, make_plan
from partner_api.database.migrations import upgrade
from partner_api.kernel.errors import Misconfigured
from tests.clock import StoppedClock
from tests.distribution.nodes import CITUS, VARIABLE, Nodes, citus_nodes, join, run
from tests.tenancy.models import TENANT_TABLES

pytestmark = pytest.mark.skipif(not CITUS, reason=f"{VARIABLE} names no Citus")

_EXECUTES = """
    select proname from pg_proc p where pronamespace = 'public'::regnamespace
       and has_function_privilege(oid, 'execute')
       and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"""
_OPEN_A_SHARD = r"""
    do $$ begin execute (
        select format('alter table %s no force row level security', oid::regclass) from pg_class
         where relname ~ '^devices_\d+$' limit 1); end $$"""


async def begin(nodes: Nodes, tables: int) -> None:
    """Do part of the work, as a run does that is cut short."""
    connection = await asyncpg.connect(nodes.coordinator)
    steps = {step.name: step.statements for step in (await make_plan(connection, 8)).steps}
    placed = steps["distributed tables"][:tables]
    for statement in (*SESSION, *steps["reference tables"], *placed):
        await connection.execute(statement)
    await connection.close()


async def test_a_run_cut_short_an_upgrade_and_another_run() -> None:
    clock = StoppedClock()
    async with citus_nodes("partner_api_again") as nodes:
        await upgrade(nodes.databases, clock.now())
        await join(nodes)
        await begin(nodes, tables=4)
        first = await nodes.distribute()
        await upgrade(nodes.databases, clock.now())
        again = await nodes.distribute()
        for role in ("ingest", "worker"):
            await _assert_shut(nodes, role)
        await run(
            nodes.workers[0],
            "set citus.override_table_visibility = off",
            "set citus.enable_ddl_propagation = off",
            "grant execute on function search_devices(text) to fleet_ingest",
            _OPEN_A_SHARD,
        )
        with pytest.raises(Misconfigured) as refused:
            await nodes.distribute()
    total = len(TENANT_TABLES) - 1
    assert f"distributed tables: {total - 4} statements" in first
    assert "distributed tables: 0 statements" in again
    assert again[-1] == first[-1]
    assert "has other walls or rights than the table" in refused.value.message
    assert "has functions that differ" in refused.value.message


async def _assert_shut(nodes: Nodes, role: str) -> None:
    """A login without tables has none on the workers either, and no function."""
    for url in nodes.logins_on_workers(role):
        login = await asyncpg.connect(url)
        for table in TENANT_TABLES:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.fetch(f"select 1 from {table}")
        assert await login.fetch(_EXECUTES) == []
        await login.close()
