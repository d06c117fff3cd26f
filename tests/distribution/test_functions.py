"""The functions that differ on shards have the signatures of the originals, and do the same."""

import random
import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.distribution.functions import (
    OF_ONE_TENANT,
    RESHAPED,
    of_one_tenant,
    reshaped,
    statements_of_one_tenant,
)
from partner_api.kernel.errors import Misconfigured
from tests.clock import StoppedClock
from tests.distribution.nodes import at
from tests.factories.tenants import Tenant, post_enrollment

_SIGNATURES = """
    select proname, oid::regprocedure::text, pg_get_function_result(oid), prosecdef, provolatile,
           proconfig, proowner, proacl
      from pg_proc where proname = any($1) order by 1"""
_SHARDS = """
    create view citus_shards as
    select 'devices'::regclass as table_name, 1 as shardid, '' as nodename, 1 as nodeport,
           1::bigint as shard_size"""
_RECORD = """
    select record_changes(array_agg(row(
               $1::uuid, c.client_id, c.org_before, c.org_after, c.before, c.after,
               status_walk(0::smallint, a.at - c.age, true, a.at - c.age, a.ages,
                           array[a.at - c.age / 2], array[a.at - c.age / 2], c.is_current,
                           a.ages, 'check-in', a.at))::device_change order by c.n), $2)
      from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::smallint[], $7::smallint[],
                  $8::interval[], $9::boolean[])
           with ordinality
           as c (client_id, org_before, org_after, before, after, age, is_current, n)
     cross join lateral (values (array[300, 3600, 86400], $2::timestamptz)) as a (ages, at)"""
_EVENTS = """
    select type, happened_at, org_id, client_id, data from event_inbox
     where msp_id = $1 order by inbox_id"""
_LOG = """
    select position, type, happened_at, org_id, client_id, data, kept_until from events
     where msp_id = $1 order by position"""
_LEFT = (
    _EVENTS,
    "select * from device_transitions where msp_id = $1 order by client_id, at",
    "select * from organization_counters where msp_id = $1 order by org_id",
    "select * from status_hints where msp_id = $1 order by client_id",
)


@pytest.fixture
async def admin(
    cluster: EmbeddedCluster, databases: Databases
) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, in a transaction that is undone."""
    url = at(cluster.admin_url, urlsplit(databases.api).path.strip("/"))
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_each_body_is_put_in_its_own_functions_place(admin: asyncpg.Connection) -> None:
    before = await admin.fetch(_SIGNATURES, list(RESHAPED))
    assert [row["proname"] for row in before] == sorted(RESHAPED)
    await admin.execute(_SHARDS)
    for name in RESHAPED:
        await admin.execute(reshaped(name))
    assert await admin.fetch(_SIGNATURES, list(RESHAPED)) == before


def test_a_function_in_another_form_is_not_guessed_at() -> None:
    for definition in (
        "select 1",
        "(p_msp_ids uuid[]) select from devices where msp_id = p_msp_ids",
    ):
        with pytest.raises(Misconfigured, match="no longer in the form"):
            of_one_tenant(definition)


async def test_a_function_of_one_tenant_compares_every_table_with_it(
    admin: asyncpg.Connection,
) -> None:
    statements = await statements_of_one_tenant(admin)
    definitions = [each for each in statements if each.startswith("CREATE OR REPLACE FUNCTION")]
    assert len(definitions) == len(OF_ONE_TENANT)
    for definition in definitions:
        assert set(re.findall(r"msp_id = (\S+)", definition)) == {"p_msp_id"}, definition


async def test_changes_are_recorded_alike(
    admin: asyncpg.Connection, tenant: Tenant, clock: StoppedClock
) -> None:
    org_ids = [UUID((await tenant.create_organization(name))[4:]) for name in ("One", "Two")]
    draw = random.Random(20261122)
    client_ids = await _some_devices(tenant, 12)
    cases = [_some_changes(draw, org_ids, client_ids) for _ in range(25)]
    plain = [await _recorded(admin, tenant, clock, case) for case in cases]
    await admin.execute(reshaped("record_changes"))
    assert [await _recorded(admin, tenant, clock, case) for case in cases] == plain
    assert all(any(len(rows[n]) > 0 for rows in plain) for n in range(len(_LEFT)))


async def test_outages_check_ins_and_who_waits_are_told_alike(
    admin: asyncpg.Connection, tenant: Tenant, clock: StoppedClock
) -> None:
    client_ids = await _some_devices(tenant, 3)
    # In the order of the call, which is not that of keys.
    client_ids = sorted(client_ids, reverse=True)
    times = [clock.now() + timedelta(seconds=n) for n in range(3)]

    async def told() -> Sequence[Any]:
        savepoint = admin.transaction()
        await savepoint.start()
        await admin.execute("delete from event_inbox")
        columns = ([tenant.msp_id] * 3, client_ids, times)
        back = [None, *times[:2]]
        await admin.execute("select record_check_ins($1, $2, $3)", *columns)
        await admin.execute("select record_outages($1, $2, $3, $4)", *columns, back)
        waiting = await admin.fetch("select * from waiting_events()")
        events = await admin.fetch(_EVENTS, tenant.msp_id)
        await savepoint.rollback()
        return [waiting, events]

    plain = await told()
    assert [len(rows) for rows in plain] == [1, 8]
    for name in ("record_check_ins", "record_outages", "waiting_events"):
        await admin.execute(reshaped(name))
    assert await told() == plain


async def test_events_are_numbered_alike(
    admin: asyncpg.Connection, tenant: Tenant, clock: StoppedClock
) -> None:
    client_ids = await _some_devices(tenant, 3)
    columns = ([tenant.msp_id] * 3, client_ids, [clock.now()] * 3)

    async def numbered() -> Sequence[Any]:
        savepoint = admin.transaction()
        await savepoint.start()
        await admin.execute("select record_check_ins($1, $2, $3)", *columns)
        turns = [
            await admin.fetchval("select number_events($1, 5, $2)", tenant.msp_id, clock.now())
            for _ in range(4)
        ]
        log = await admin.fetch(_LOG, tenant.msp_id)
        waiting = await admin.fetch(_EVENTS, tenant.msp_id)
        await savepoint.rollback()
        return [turns, log, waiting]

    plain = await numbered()
    # The credential, the organization, and of each device its enrollment and its check-in.
    assert plain[0] == [5, 3, 0, 0]
    await admin.execute(reshaped("number_events"))
    assert await numbered() == plain


async def _some_devices(tenant: Tenant, number: int) -> Sequence[UUID]:
    org_id = await tenant.create_organization("Devices")
    token = await tenant.create_enrollment_token(org_id, maxUses=number)
    enrolled = [await post_enrollment(tenant.http, token) for _ in range(number)]
    return [UUID(answer.json()["data"]["clientId"]) for answer in enrolled]


def _some_changes(
    draw: random.Random, org_ids: Sequence[UUID], client_ids: Sequence[UUID]
) -> Sequence[Sequence[Any]]:
    """Columns of changes: moves, enrolments, deletions, and a device that comes twice."""
    rows = []
    for client_id in draw.sample(client_ids, draw.randint(1, len(client_ids))):
        before, after = draw.choice([None, *range(8)]), draw.choice([None, *range(8)])
        age = timedelta(seconds=draw.choice([1, 200, 290, 500, 5000, 100_000, 40_000_000]))
        org_id = draw.choice(org_ids)
        moved = draw.choice([org_id, *org_ids])
        rows.append((client_id, org_id, moved, before, after, age, draw.random() < 0.5))
    if draw.random() < 0.5:
        # A moved device changes twice in one call, at different moments.
        rows.append((rows[0][0], *rows[0][1:5], timedelta(seconds=77), True))
    return [list(column) for column in zip(*rows, strict=True)]


async def _recorded(
    admin: asyncpg.Connection,
    tenant: Tenant,
    clock: StoppedClock,
    case: Sequence[Sequence[Any]],
) -> Sequence[Sequence[asyncpg.Record]]:
    """What a call leaves behind; undone afterwards."""
    savepoint = admin.transaction()
    await savepoint.start()
    await admin.execute(_RECORD, tenant.msp_id, clock.now(), *case)
    left = [await admin.fetch(statement, tenant.msp_id) for statement in _LEFT]
    await savepoint.rollback()
    return left
