"""How PostgreSQL finds its way in the statements that run all the time, in a fleet of some size.

A plan that starts to read the whole devices table is noticed here before a customer does.
"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.database.sources import sql_file
from partner_api.fleet import counts
from partner_api.fleet.sorts import SORTS
from partner_api.fleet.statements import Selection, page_statement, quiet_page_statement
from partner_api.fleet.types import DeviceFilter, DeviceSort, SortOrder
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.kernel.ids import OrgId
from partner_api.status.rules import Connection, Health
from partner_api.sweep.wheel import PAGES
from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Tenant, create_tenant
from tests.machine.support import uuid_of

MSPS, ORGANIZATIONS, DEVICES = 5, 4, 1000
KEY = "devices_pkey"
_LOCK_LIVE = "select * from lock_live($1, $2)"
_MAKE_LIVE = """
    with made as (
        insert into network_live (msp_id, client_id, org_id, points)
        select msp_id, client_id, gen_random_uuid(), ''
          from devices where msp_id = $1 limit $2
        returning client_id)
    select array_agg(client_id) from made"""


@pytest.fixture(scope="module")
async def fleets(
    owner: AsyncEngine, http: httpx.AsyncClient, session_clock: StoppedClock
) -> list[tuple[Tenant, list[OrgId]]]:
    """MSPs with organizations full of devices, and statistics about them."""
    session_clock.reset()
    found = []
    now = session_clock.now()
    for number in range(MSPS):
        tenant = await create_tenant(owner, http, session_clock, f"Plan {number}")
        org_ids = [await tenant.create_organization(f"O{n}") for n in range(ORGANIZATIONS)]
        rows = [
            device_row(
                tenant,
                # The first has most of them.
                org_ids[max(0, n % 10 - 6)],
                now,
                now - timedelta(minutes=n % 100),
                assetId=f"A-{n}",
                currentVersion=f"1.{n % 50}",
            )
            # The one whose pages are read is large, so that reading all of it would be noticed.
            for n in range(DEVICES * (4 if number == 1 else 1))
        ]
        await insert_devices(owner, rows)
        found.append((tenant, [uuid_of(org_id) for org_id in org_ids]))
    async with owner.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        # A crowd of organizations without devices, which make joins look more selective, and of
        # small MSPs, which make all devices of one look few.
        await raw.execute(_CROWD, found[0][0].msp_id)
        await raw.execute(_SMALL_MSPS.format(columns=await raw.fetchval(_COLUMNS)))
        await raw.execute("analyze")
    return found


_CROWD = """
    insert into organizations (msp_id, org_id, name, name_sort, slug, created_at)
    select $1, gen_random_uuid(), 'c' || n, 'c' || n, 'c' || n, '2026-01-01'
      from generate_series(1, 3000) n"""

_SMALL_MSPS = """
    create temp table small as
    select gen_random_uuid() as msp_id, gen_random_uuid() as org_id, n
      from generate_series(1, 10000) n;
    insert into msps (msp_id, name, created_at) select msp_id, 's' || n, '2026-01-01' from small;
    insert into organizations (msp_id, org_id, name, name_sort, slug, created_at)
    select msp_id, org_id, 's', 's', 's', '2026-01-01' from small;
    insert into devices (msp_id, org_id, client_id, {columns})
    select s.msp_id, s.org_id, gen_random_uuid(), {columns}
      from small s cross join (select {columns} from devices limit 1) d"""
_COLUMNS = """
    select string_agg(column_name, ', ') from information_schema.columns
     where table_schema = 'public' and table_name = 'devices' and is_generated = 'NEVER'
       and column_name not in ('msp_id', 'org_id', 'client_id')"""


@pytest.fixture
async def owning(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """Plans of function bodies, which run with the settings of ingest and worker."""
    connection = await asyncpg.connect(databases.require_owner(), server_settings=PLAN_SETTINGS)
    yield connection
    await connection.close()


@pytest.fixture
async def reading(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """Plans of what the API reads, under row-level security."""
    connection = await asyncpg.connect(databases.api)
    yield connection
    await connection.close()


def newest(path: str) -> str:
    """The text of a file that no later one has taken the place of."""
    name, number, _ = path.rsplit(".", 2)
    later = files("partner_api").joinpath(f"{name}.{int(number) + 1}.sql")
    assert not later.is_file(), f"{later} is in use"
    return sql_file(path)


def body(path: str) -> tuple[str, Sequence[str]]:
    """The statement a SQL function consists of, with numbered parameters, and their types."""
    source = newest(path)
    declared = re.search(
        r"create (?:or replace )?function \w+\((.*?)\)\s*returns", source, re.DOTALL
    )
    inside = re.search(r"\$\$(.*)\$\$", source, re.DOTALL)
    assert declared is not None
    assert inside is not None
    parameters = [each.split() for each in declared[1].split(",")]
    statement = inside[1]
    for number, (name, kind) in enumerate(parameters, start=1):
        statement = re.sub(rf"\b{name}\b", f"${number}::{kind}", statement)
    return statement, [kind for _, kind in parameters]


async def plan_of_body(connection: asyncpg.Connection, path: str) -> list[dict[str, Any]]:
    """Every node of the plan of a function's body, whatever its arguments."""
    statement, kinds = body(path)
    await connection.execute(f"prepare hot ({', '.join(kinds)}) as {statement}")
    nothing = ", ".join("null" for _ in kinds)
    return nodes(await connection.fetchval(f"explain (format json) execute hot({nothing})"))


async def plan(
    connection: asyncpg.Connection, tenant: Tenant, statement: str, *values: object
) -> list[dict[str, Any]]:
    """Every node of the plan of what the API reads for an MSP."""
    async with connection.transaction(readonly=True):
        await connection.execute(f"set local app.msp_id = '{tenant.msp_id}'")
        return nodes(await connection.fetchval(f"explain (format json) {statement}", *values))


def nodes(explained: str) -> list[dict[str, Any]]:
    """A plan's nodes, flat."""
    found: list[dict[str, Any]] = []
    left = [each["Plan"] for each in json.loads(explained)]
    while left:
        node = left.pop()
        left += node.get("Plans", [])
        found.append(node)
    return found


def scans(plan: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nodes that read every MSP's devices; other tables are small here, so they may be scanned."""
    return [
        node
        for node in plan
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "devices"
    ]


def tables(plan: Sequence[dict[str, Any]]) -> set[str]:
    return {node["Relation Name"] for node in plan if "Relation Name" in node}


def indexes(plan: Sequence[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in plan if "Index Name" in node}


@pytest.mark.usefixtures("fleets")
@pytest.mark.parametrize(
    "path",
    [
        "ingest/sql/check_in_calm.3.sql",
        "ingest/sql/check_in_folded.2.sql",
        "ingest/sql/check_in_lock.1.sql",
        "ingest/sql/check_in_stepping.3.sql",
        "ingest/sql/relay_check_ins.1.sql",
        "sweep/sql/sweep_devices.2.sql",
    ],
)
async def test_devices_are_written_by_their_keys(owning: asyncpg.Connection, path: str) -> None:
    found = await plan_of_body(owning, path)
    assert not scans(found)
    by_key = [node for node in found if node.get("Index Name") == KEY]
    assert by_key
    assert all("client_id" in node["Index Cond"] for node in by_key)
    # Rows are locked in the order they come.
    assert not {node["Node Type"] for node in found} & {"Hash Join", "Merge Join"}


@pytest.mark.usefixtures("fleets")
async def test_devices_an_integrator_names_are_found_by_their_keys(
    owning: asyncpg.Connection,
) -> None:
    (found,) = [
        node
        for node in await plan_of_body(owning, "ingest/sql/relay_devices.2.sql")
        if node.get("Relation Name") == "devices"
    ]
    assert found.get("Index Name") == KEY
    assert "client_id" in found["Index Cond"]


@pytest.mark.usefixtures("fleets")
async def test_the_worker_finds_what_waits_by_an_index(owning: asyncpg.Connection) -> None:
    hints = await plan_of_body(owning, "sweep/sql/due_hints.1.sql")
    assert "status_hints_due_at_idx" in indexes(hints)


@pytest.mark.parametrize(
    "path",
    [
        "events/sql/number_events.3.sql",
        "telemetry/sql/take_samples.1.sql",
        "telemetry/sql/count_check_ins.1.sql",
    ],
)
async def test_what_waits_is_taken_in_one_stretch_though_little_did_when_it_was_planned(
    owning: asyncpg.Connection, path: str
) -> None:
    taken = re.search(r"delete from (\w+).*?returning [^\n]*", newest(path), re.DOTALL)
    assert taken is not None
    await owning.execute(f"vacuum analyze {taken[1]}")
    names = list(dict.fromkeys(re.findall(r"\b[pv]_\w+", taken[0])))
    statement = re.sub(r"\b[pv]_\w+", lambda name: f"${names.index(name[0]) + 1}", taken[0])
    await owning.execute(f"prepare hot as {statement}")
    nothing = ", ".join("null" for _ in names)
    found = nodes(await owning.fetchval(f"explain (format json) execute hot({nothing})"))
    taking = [node for node in found if node["Node Type"] in {"Index Scan", "Bitmap Index Scan"}]
    assert any("<=" in node.get("Index Cond", "") for node in taking)
    assert "Nested Loop" not in {node["Node Type"] for node in found}


async def test_networks_are_found_by_their_keys_though_there_were_none_when_that_was_planned(
    owning: asyncpg.Connection, databases: Databases, fleets: list[tuple[Tenant, list[OrgId]]]
) -> None:
    msp_id = fleets[1][0].msp_id
    await owning.execute("delete from network_live")
    await owning.execute("vacuum analyze network_live")
    worker = await asyncpg.connect(databases.worker, server_settings=PLAN_SETTINGS)
    await worker.fetch(_LOCK_LIVE, msp_id, [])
    # Each in an organization of its own: an index that begins with those is of no use.
    client_ids = await owning.fetchval(_MAKE_LIVE, msp_id, 4 * DEVICES)
    explained = await worker.fetchval(
        f"explain (analyze, buffers, format json) {_LOCK_LIVE}", msp_id, client_ids[:100]
    )
    await worker.close()
    await owning.execute("delete from network_live")
    (found,) = json.loads(explained)
    assert found["Plan"]["Actual Rows"] == 100
    assert found["Plan"]["Shared Hit Blocks"] < 100 * 25


@pytest.mark.usefixtures("fleets")
async def test_a_range_of_pages_is_read_and_no_more(owning: asyncpg.Connection) -> None:
    source = re.search(r"return query\s(.*?);", newest("sweep/sql/sweep_scan.2.sql"), re.DOTALL)
    assert source is not None
    statement = source[1].replace("select first,", "select")
    for number, name in enumerate(("p_now", "v_from", "v_to", "v_resumed_at"), start=1):
        statement = re.sub(rf"\b{name}\b", f"${number}", statement)
    await owning.execute(f"prepare hot (timestamptz, tid, tid, timestamptz) as {statement}")
    given = f"now(), '(0,0)', '({PAGES},0)', now()"
    found = nodes(await owning.fetchval(f"explain (format json) execute hot({given})"))
    assert tables(found) == {"devices"}
    assert "Tid Range Scan" in {node["Node Type"] for node in found}
    assert not scans(found)


@pytest.mark.parametrize("of_one", [False, True])
@pytest.mark.parametrize(
    ("sort", "index"),
    [
        (DeviceSort.STATUS, "health"),
        (DeviceSort.ASSET_ID, "asset_sort"),
        (DeviceSort.VERSION, "version_sort"),
        (DeviceSort.CLIENT_ID, None),
    ],
)
async def test_a_page_is_read_in_its_order(
    fleets: list[tuple[Tenant, list[OrgId]]],
    reading: asyncpg.Connection,
    clock: StoppedClock,
    sort: DeviceSort,
    index: str | None,
    of_one: bool,
) -> None:
    tenant, org_ids = fleets[1]
    wanted = DeviceFilter(org_id=org_ids[0]) if of_one else DeviceFilter()
    found = await plan_of_page(reading, tenant, wanted, sort, clock.now())
    assert not scans(found)
    if index is not None and (sort is DeviceSort.STATUS or not of_one):
        of = "org_id_" if of_one else ""
        assert f"devices_msp_id_{of}{index}_client_id_idx" in indexes(found)


@pytest.mark.parametrize("health", Health)
async def test_a_filtered_page_reads_no_whole_table(
    fleets: list[tuple[Tenant, list[OrgId]]],
    reading: asyncpg.Connection,
    clock: StoppedClock,
    health: Health,
) -> None:
    wanted = DeviceFilter(health=health)
    found = await plan_of_page(reading, fleets[1][0], wanted, DeviceSort.STATUS, clock.now())
    assert not scans(found)


@pytest.mark.parametrize("connection", Connection)
async def test_a_page_of_one_connection_looks_at_no_other(
    fleets: list[tuple[Tenant, list[OrgId]]],
    reading: asyncpg.Connection,
    clock: StoppedClock,
    connection: Connection,
) -> None:
    wanted = DeviceFilter(connection=connection)
    found = await plan_of_page(reading, fleets[1][0], wanted, DeviceSort.STATUS, clock.now())
    assert "devices_msp_id_connection_health_client_id_idx" in indexes(found)
    assert not scans(found)


async def test_offline_devices_are_read_in_the_order_they_were_seen(
    fleets: list[tuple[Tenant, list[OrgId]]], reading: asyncpg.Connection, clock: StoppedClock
) -> None:
    tenant = fleets[1][0]
    selection = Selection(tenant.msp_id, DeviceFilter(), clock.now(), fresh=True)
    statement, values = quiet_page_statement(selection, SortOrder.ASCENDING, 50, None)
    found = await plan(reading, tenant, statement, *values)
    assert "devices_msp_id_quiet_since_client_id_idx" in indexes(found)
    assert "Sort" not in {node["Node Type"] for node in found}


@pytest.mark.usefixtures("fleets")
@pytest.mark.parametrize("cache", ["force_generic_plan", "force_custom_plan"])
async def test_a_search_reads_the_index_of_trigrams(owning: asyncpg.Connection, cache: str) -> None:
    source = newest("fleet/sql/matching_devices.1.sql")
    inner = re.findall(r"from \((select .*?)\) f", source, re.DOTALL)[1]
    for number, name in enumerate(("v_trigrams", "v_text", "p_most"), start=1):
        inner = re.sub(rf"\b{name}\b", f"${number}", inner)
    await owning.execute(f"set plan_cache_mode = {cache}; set enable_seqscan = on")
    await owning.execute(f"prepare search (text[], text, integer) as {inner}")
    explained = "explain (format json) execute search('{abc,def}', 'abcdef', 10000)"
    found = nodes(await owning.fetchval(explained))
    assert indexes(found) == {"device_texts_device_trigrams_idx"}


async def test_counting_every_device_calls_no_function_for_each(
    fleets: list[tuple[Tenant, list[OrgId]]], reading: asyncpg.Connection, clock: StoppedClock
) -> None:
    tenant = fleets[1][0]
    async with reading.transaction(readonly=True):
        await reading.execute(f"set local app.msp_id = '{tenant.msp_id}'")
        explain = f"explain (verbose) {counts._LIVE}"
        lines = [row[0] for row in await reading.fetch(explain, tenant.msp_id, clock.now())]
    assert not re.search(r"status_\w+\(", "\n".join(lines))


async def plan_of_page(
    reading: asyncpg.Connection,
    tenant: Tenant,
    wanted: DeviceFilter,
    sort: DeviceSort,
    now: datetime,
) -> list[dict[str, Any]]:
    selection = Selection(tenant.msp_id, wanted, now, fresh=True)
    statement, values = page_statement(selection, SORTS[sort], SortOrder.ASCENDING, 50, None)
    return await plan(reading, tenant, statement, *values)


@pytest.mark.parametrize("of_one", [False, True])
async def test_counters_are_read_without_devices(
    fleets: list[tuple[Tenant, list[OrgId]]], reading: asyncpg.Connection, of_one: bool
) -> None:
    tenant, org_ids = fleets[1]
    found = await plan(
        reading, tenant, counts._TOTAL, tenant.msp_id, org_ids[0] if of_one else None
    )
    assert tables(found) == {"organization_counters"}


async def test_freshness_reads_no_devices(
    fleets: list[tuple[Tenant, list[OrgId]]], reading: asyncpg.Connection, clock: StoppedClock
) -> None:
    tenant = fleets[1][0]
    statement, _ = body("sweep/sql/status_is_fresh.1.sql")
    found = await plan(reading, tenant, statement, tenant.msp_id, clock.now())
    assert tables(found) == {"sweep_watermark", "releases", "organizations"}
