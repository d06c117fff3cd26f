"""What the source itself promises: one door, no database clock, a tenant in every statement."""

import ast
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

import partner_api
from partner_api.config import Databases
from partner_api.database.pools import acquired, create_pool
from partner_api.database.roles import Role
from partner_api.events.numbering import Numberer
from partner_api.surfaces.partner.services import Services
from partner_api.tenancy.tenancy import Claim
from tests.clock import StoppedClock
from tests.database.functions import DEFINERS, PLAIN
from tests.factories.tenants import Agent, Tenant, post_enrollment
from tests.surfaces.partner.hooks import create_webhook
from tests.tenancy.models import A_TABLE, NAMES_A_TABLE, TENANT_TABLES
from tests.webhooks.queue import Queue

PACKAGE = Path(partner_api.__file__).parent
MIGRATIONS = PACKAGE.parents[1] / "migrations"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *MIGRATIONS.rglob("*.py")])
SQL_FILES = sorted([*PACKAGE.rglob("*.sql"), *MIGRATIONS.rglob("*.sql")])

BY_TENANT = re.compile(r"\bmsp_id\s*=|=\s*(?:\w+\.)?msp_id\b", re.IGNORECASE)
DATABASE_CLOCK = re.compile(
    r"\bnow\s*\(|\b(?:clock|statement|transaction)_timestamp\b|\btimeofday\s*\("
    r"|\b(?:current_(?:timestamp|date|time)|localtime(?:stamp)?)\b",
    re.IGNORECASE,
)
DATABASE_IDS = re.compile(r"\b(?:gen_random_uuid|uuidv[47]|uuid_generate_v\d)\s*\(", re.IGNORECASE)


DOOR = {"claimed", "claimed_reading"}
"""How `Tenancy` spells it."""


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def texts_in(path: Path) -> Iterator[str]:
    """Every text a Python file holds but its docstrings; a hole in an f-string shows as {}."""
    tree = tree_of(path)
    inner = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(node.value)
        if isinstance(node, ast.JoinedStr):
            pieces = [each for each in node.values if isinstance(each, ast.Constant)]
            inner.update(pieces)
            yield "{}".join(str(piece.value) for piece in pieces)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inner:
            yield node.value


def sql_in(path: Path) -> str:
    """An SQL file without its comments."""
    return re.sub(r"--[^\n]*", "", path.read_text())


ALL_TEXTS = [(path, piece) for path in SOURCES for piece in texts_in(path)]
ALL_TEXTS += [(path, sql_in(path)) for path in SQL_FILES]


def test_the_door_opens_for_these_reasons_only() -> None:
    assert {claim.name for claim in Claim} == {"ENROLLMENT", "TOKEN_REQUEST"}


def test_these_alone_go_through_the_door() -> None:
    assert sorted(_door_calls()) == [
        ("identity/service.py", "_read", "Claim.TOKEN_REQUEST"),
        ("provisioning/enrollment.py", "enroll", "Claim.ENROLLMENT"),
    ]


def test_the_door_is_not_handed_around() -> None:
    mentioned = [
        path.relative_to(PACKAGE).as_posix()
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in DOOR
    ]
    assert len(mentioned) == len(list(_door_calls()))
    assert not [piece for _, piece in ALL_TEXTS if piece in DOOR]


def _door_calls() -> Iterator[tuple[str, str, str]]:
    for path in SOURCES:
        for function in ast.walk(tree_of(path)):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for node in ast.walk(function):
                called = node.func if isinstance(node, ast.Call) else None
                if isinstance(called, ast.Attribute) and called.attr in DOOR:
                    assert isinstance(node, ast.Call)
                    reason = ast.unparse(node.args[1])
                    yield path.relative_to(PACKAGE).as_posix(), function.name, reason


def test_the_files_searched_are_there() -> None:
    assert len(SQL_FILES) >= 6
    assert len([path for path in SOURCES if path.is_relative_to(MIGRATIONS)]) >= 9
    assert any("select enabled from credentials" in piece for _, piece in ALL_TEXTS)
    assert any("from devices d" in piece and "{}" in piece for _, piece in ALL_TEXTS)


def test_no_sql_asks_the_database_for_the_time_or_for_ids() -> None:
    for path, piece in ALL_TEXTS:
        assert not DATABASE_CLOCK.search(piece), f"{path}: {piece}"
        assert not DATABASE_IDS.search(piece), f"{path}: {piece}"
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "func" or node.attr not in {"now", "current_timestamp"}


@pytest.mark.parametrize(
    "package",
    [
        "events",
        "fleet",
        "history",
        "identity",
        "ingest",
        "logs",
        "settings",
        "telemetry",
        "webhooks",
    ],
)
def test_every_sql_text_that_names_a_tenants_table_names_the_tenant(package: str) -> None:
    """A text with holes may get its tenant through one; what it becomes is watched below."""
    of_all = LOOKS_AT_EVERY_TENANT | WRITES_TO_EVERY_TENANT
    own = [
        (path, piece)
        for path, piece in ALL_TEXTS
        if path.is_relative_to(PACKAGE / package) and path.name.split(".")[0] not in of_all
    ]
    named = [(path, piece) for path, piece in own if NAMES_A_TABLE.search(piece)]
    assert named
    for path, piece in named:
        assert BY_TENANT.search(piece) or "{}" in piece, f"{path}: {piece}"


def assert_each_table_has_its_tenant(statement: str) -> None:
    tables, tenants = NAMES_A_TABLE.findall(statement), BY_TENANT.findall(statement)
    assert len(tenants) >= len(tables), statement


# The worker's eyes: what is to be done for any tenant, and for which.
LOOKS_AT_EVERY_TENANT = {
    "changed_organizations",
    "due_hints",
    "due_live",
    "every_msp",
    "every_organization",
    "open_replays",
    "orphaned_webhooks",
    "sweep_scan",
    "waiting_events",
    "waiting_samples",
    "waiting_tallies",
    "waiting_webhooks",
    "webhooks_behind",
}
# The operator's hand: a release is told in every log.
WRITES_TO_EVERY_TENANT = {"record_release"}


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.name)
def test_every_function_joins_on_the_tenant(path: Path) -> None:
    source, (name, *_) = sql_in(path), path.name.split(".")
    if name in LOOKS_AT_EVERY_TENANT:
        assert DEFINERS[name] == (Role.FUNCTIONS, Role.WORKER)
        assert re.search(r"returns table \([^)]*\bmsp_ids? uuid", source)
    elif name in WRITES_TO_EVERY_TENANT:
        assert PLAIN[name] == set()
    elif NAMES_A_TABLE.search(source):
        assert_each_table_has_its_tenant(source)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement the asyncpg paths send while a test runs."""
    seen: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, _noting(seen, name))
    return seen


def _noting(seen: list[str], name: str) -> object:
    original = getattr(asyncpg.Connection, name)

    async def noting(
        connection: asyncpg.Connection, statement: str, *rest: object, **kw: object
    ) -> object:
        seen.append(statement)
        return await original(connection, statement, *rest, **kw)

    return noting


@pytest.fixture
async def numberer(databases: Databases, clock: StoppedClock) -> AsyncIterator[Numberer]:
    async with await create_pool(databases.worker, size=1) as pool, acquired(pool) as connection:
        yield Numberer(connection, clock)


async def test_every_statement_that_reads_a_tenants_table_names_the_tenant(
    agent: Agent, statements: list[str], numberer: Numberer
) -> None:
    tenant = agent.tenant
    await agent.check_in()
    await numberer.number()
    await agent.post_logs([{"severity": "INFO", "payload": {}}] * 2)
    await _read_everything(agent)
    reading = [statement for statement in statements if NAMES_A_TABLE.search(statement)]
    named = {table for statement in reading for table in NAMES_A_TABLE.findall(statement)}
    assert named >= {"devices", "organizations", "logs", "events", "event_logs", "webhook_outbox"}
    assert len(set(reading)) > 20
    for statement in reading:
        assert_each_table_has_its_tenant(statement)
    begin = "begin isolation level repeatable read read only"
    bound = f"{begin}; set local app.msp_id = '{tenant.msp_id}'"
    assert statements.count(bound) == statements.count("commit") > 20


async def _read_everything(agent: Agent) -> None:
    """Every combination of what makes a statement's text."""
    tenant = agent.tenant
    filters = ["", f"orgId={agent.org_id}", "status=healthy", "connectionState=idle", "q=x"]
    filters.append("&".join(filters[1:]))
    sorts = ("status", "lastSeen", "version", "assetId", "clientId")
    await tenant.enroll(agent.org_id)
    for sort in sorts:
        for order in ("asc", "desc"):
            first = f"/v1/devices?limit=1&sortBy={sort}&sortOrder={order}"
            for narrowed in filters:
                assert (await tenant.get(f"{first}&{narrowed}")).status_code == 200
            cursor = (await tenant.get(first)).json()["meta"]["nextCursor"]
            assert (await tenant.get(f"{first}&cursor={cursor}")).status_code == 200
    logs = f"/v1/devices/{agent.client_id}/logs?limit=1"
    cursor = (await tenant.get(logs)).json()["meta"]["nextCursor"]
    instant = "2026-01-01T00:00:00Z"
    deliveries = f"/v1/webhooks/{(await create_webhook(tenant))['id']}/deliveries"
    for path in (
        logs,
        f"{logs}&cursor={cursor}",
        f"{logs}&level=info&from={instant}&to={instant}",
        f"/v1/devices/{agent.client_id}",
        f"/v1/devices/{agent.client_id}?include=status",
        f"/v1/devices/{agent.client_id}/status-history?limit=1",
        f"/v1/devices/{agent.client_id}/availability",
        f"/v1/organizations/{agent.org_id}/availability",
        f"/v1/organizations/{agent.org_id}",
        "/v1/organizations?limit=1",
        f"/v1/msp/{tenant.msp}/stats",
        "/v1/analytics/versions",
        f"/v1/analytics/versions?orgId={agent.org_id}",
        "/v1/analytics/time-series",
        f"/v1/analytics/time-series?orgId={agent.org_id}",
        "/v1/analytics/time-series?metric=check-ins",
        "/v1/events?limit=1",
        "/v1/events?types=org.deleted",
        f"/v1/events?orgId={agent.org_id}&clientId={agent.client_id}&types=org.deleted",
        deliveries,
        f"{deliveries}?status=pending",
        f"{deliveries}?status=failed",
    ):
        assert (await tenant.get(path)).status_code == 200


async def test_every_statement_of_a_session_names_the_tenant(
    agent: Agent, services: Services, owner: AsyncEngine
) -> None:
    seen: list[str] = []

    def note(_c: Connection, _u: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine = services.tenancy._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await _change_everything(agent, owner)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    named = {table for statement in seen for table in _tables_of_a_change(statement)}
    # These are read elsewhere, or written by functions alone.
    elsewhere = {"logs", "msps", "device_texts", "device_transitions", "status_hints"}
    elsewhere |= {"events", "event_logs", "check_in_counts", "check_in_tallies"}
    elsewhere |= {"webhooks", "webhook_outbox", "webhook_deliveries", "webhook_replays"}
    elsewhere |= {"sample_inbox", "sample_details", "device_reports"}
    elsewhere |= {name for name in TENANT_TABLES if name.startswith("network_")}
    assert named >= set(TENANT_TABLES) - elsewhere
    for statement in seen:
        if _tables_of_a_change(statement):
            assert BY_TENANT.search(statement) or statement.startswith("INSERT"), statement


def _tables_of_a_change(statement: str) -> list[str]:
    flat = " ".join(statement.split())
    return re.findall(rf"\b(?:FROM|JOIN|UPDATE|INTO) ({A_TABLE})\b", flat)


async def _change_a_webhook(tenant: Tenant, owner: AsyncEngine) -> None:
    webhook_id = (await create_webhook(tenant))["id"]
    async with owner.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        queue = Queue(raw, StoppedClock(), tenant, webhook_id)
        await queue.ended(1, uuid4())
        await queue.failed_once(2, uuid4())
        await queue.set(suspended_at=queue.clock.now())
    path = queue.path
    assert (await tenant.patch(path, json={"enabled": False})).status_code == 200
    assert (await tenant.patch(path, json={"enabled": True})).status_code == 200
    for action in (
        "resume",
        "rotate-secret",
        "deliveries/dlv_0000000000000001/redeliver",
        "deliveries/dlv_0000000000000002/redeliver",
        "replay",
    ):
        body = {"from": "2026-02-24T00:00:00Z"} if action == "replay" else None
        assert (await tenant.post(f"{path}/{action}", json=body)).is_success
    assert (await tenant.get(path)).status_code == 200
    assert (await tenant.delete(path)).status_code == 204


async def _change_everything(agent: Agent, owner: AsyncEngine) -> None:
    tenant = agent.tenant
    await tenant.request_token()
    await tenant.get("/v1/credentials")
    await tenant.get("/v1/msp/members")
    await tenant.get("/v1/events?types=device.checkin")
    await tenant.post("/v1/credentials/regenerate")
    org_id = await tenant.create_organization()
    path = f"/v1/organizations/{org_id}/enrollment-tokens"
    made = (await tenant.post(path, json={})).json()["data"]
    await tenant.get(path)
    enrolled = (await post_enrollment(tenant.http, made["token"])).json()["data"]
    await post_enrollment(tenant.http, made["token"], clientId=enrolled["clientId"])
    device = f"/v1/devices/{enrolled['clientId']}"
    for tags in (["new"], ["changed"]):
        patch = {"orgId": agent.org_id, "tags": tags}
        edited = await tenant.http.patch(device, json=patch, headers=tenant.headers)
        assert edited.status_code == 200
    for settings in ("/v1/msp/settings", f"/v1/organizations/{org_id}/settings"):
        for seconds in (600, None):
            changed = await tenant.patch(settings, json={"streamingSeconds": seconds})
            assert changed.status_code == 200
        assert (await tenant.get(settings)).status_code == 200
    await _change_a_webhook(tenant, owner)
    await tenant.delete(f"{path}/{made['id']}")
    await tenant.delete(device)
    assert (await tenant.delete(f"/v1/organizations/{org_id}")).status_code == 204
