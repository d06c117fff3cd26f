"""Nothing the server sends or calls has a form that a distributed database refuses.

The forms were found on a real Citus and are looked for here so that none comes back.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.database.distribution.functions import RESHAPED
from partner_api.surfaces.partner.services import Services
from tests.factories.tenants import FACTS, Agent
from tests.tenancy.models import NAMES_A_TABLE
from tests.tenancy.test_source import _change_everything, _noting, _read_everything

REFUSED = {
    "MERGE": r"\bmerge\s+into\b",
    "a tenant bound otherwise than by SET LOCAL": r"\bset_config\b|\bset\s+app\.msp_id",
    "COPY under row-level security": r"^\s*copy\b",
    "a sequence": r"\b(nextval|currval|setval)\b",
    "SKIP LOCKED over shards": r"\bskip\s+locked\b",
}
ASSIGNED = re.compile(
    r"\bupdate\s+\w+(?:\s+\w+)?\s+set\s+(.*?)(?:\bfrom\s+(?!devices\b)\w+|\bwhere\b|\breturning\b)",
    re.IGNORECASE | re.DOTALL,
)
CALLED = re.compile(r"\b([a-z_]+)\s*\(", re.IGNORECASE)
# Written like calls and none, or the same whichever row they are evaluated for.
HARMLESS = {
    "array",
    "case",
    "coalesce",
    "filter",
    "greatest",
    "pg_current_xact_id",
    "select",
    "set",
}
HARMLESS |= {"and", "count", "stage", "then", "values"}
INSERTED = re.compile(
    r"\binsert\s+into\s+\w+(?:\s+as\s+\w+)?\s*\([^)]*\)\s*select\b(.*?)(?:;|\)\s*select\b|$)",
    re.IGNORECASE | re.DOTALL,
)
REFUSED_ON_SHARDS = {
    "a row of a shard, whose type is the shard's": (
        r"\bdevice_facts\(\s*\w+\s*,|(?<!::)\b\w+\s+as\s+device\b"
    ),
    # It keeps the statement from going to its shard whole, and nothing can be carried back to it.
    "an insert in a WITH beside what returns nothing": (
        r"(?s)\brecord_\w+\(.*\(\s*insert\b|\(\s*insert\b.*\brecord_\w+\("
    ),
}
# These lock rows of one tenant alone.
ON_ONE_SHARD = {"claim_deliveries"}
# These have another body there, or have given way to others that are called instead.
ELSEWHERE = {*RESHAPED, "check_in_careful", "check_in_read", "check_in_group", "check_in_write"}


@pytest.fixture
async def connection(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(databases.require_owner())
    yield connection
    await connection.close()


def assert_on_one_shard(source: str) -> None:
    """Every table is compared with the one tenant the function is called for."""
    assert len(re.findall(r"msp_id = p_msp_id\b", source)) >= len(NAMES_A_TABLE.findall(source))


@contextmanager
def listening(services: Services, seen: list[str]) -> Iterator[None]:
    """Notes what sessions send."""

    def note(_c: Connection, _u: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine = services.tenancy._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_no_statement_has_a_form_that_is_refused(
    agent: Agent, services: Services, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, _noting(seen, name))
    with listening(services, seen):
        await agent.check_in()
        await agent.check_in(osVersion="16")
        await agent.post_logs([{"severity": "INFO", "payload": {}}] * 2)
        item = {"clientId": agent.client_id, **FACTS}
        await agent.tenant.post("/v1/check-ins", json={"checkIns": [item]})
        await _read_everything(agent)
        await _change_everything(agent, owner)
    assert len(set(seen)) > 60
    assigned = [part for statement in set(seen) for part in ASSIGNED.findall(statement)]
    assert len(assigned) > 5
    for statement in set(seen):
        for name, form in REFUSED.items():
            assert not re.search(form, statement, re.IGNORECASE), f"{name}: {statement}"
        assert "ctid" not in statement
    for part in assigned:
        assert set(CALLED.findall(part.lower())) <= {"cast"}, part


async def test_no_function_has_a_form_that_is_refused(connection: asyncpg.Connection) -> None:
    functions = await connection.fetch("""
        select proname, prosrc, provolatile from pg_proc
         where pronamespace = 'public'::regnamespace""")
    unchanging = {row["proname"] for row in functions if row["provolatile"] == b"i"}
    assert "status_walk" in unchanging
    checked = 0
    for row in functions:
        source = re.sub(r"--[^\n]*", "", row["prosrc"])
        if row["proname"] in ON_ONE_SHARD:
            assert_on_one_shard(source)
            source = re.sub(r"\bskip\s+locked\b", "", source, flags=re.IGNORECASE)
        for name, form in REFUSED.items():
            assert not re.search(form, source, re.IGNORECASE), f"{name}: {row['proname']}"
        if row["proname"] in ELSEWHERE:
            continue
        for name, form in REFUSED_ON_SHARDS.items():
            assert not re.search(form, source, re.IGNORECASE), f"{name}: {row['proname']}"
        for part in ASSIGNED.findall(source):
            checked += 1
            called = {name.lower() for name in CALLED.findall(part)}
            assert called <= unchanging | HARMLESS, f"{row['proname']} calls {called}"
        for part in INSERTED.findall(source):
            assert re.search(r"\bon\s+conflict\b|\breturning\b", part), row["proname"]
    assert checked >= 8
