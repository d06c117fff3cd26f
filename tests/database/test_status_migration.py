"""What revisions from 0013 on make of a fleet that was there before them."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command

from partner_api.database.alembic_commands import config
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.migrations import upgrade
from partner_api.database.roles import ensure_logins, ensure_roles, logins_of
from partner_api.kernel.ids import uuid7
from partner_api.status.rules import Stage, State, Thresholds
from tests.conftest import passable_folder

# The machine's own clock decides, as it does in the migration; ages are far from every threshold.
AGES = [None, timedelta(0), timedelta(minutes=30), timedelta(hours=5), timedelta(days=3)]
VERSIONS = {"1.0": "1#", "2.0": "2#"}
MSP, ORG = UUID(int=1), UUID(int=2)

_DEVICE = """
    insert into devices
           (msp_id, client_id, org_id, enrollment_id, enrolled_at, token_hash, last_seen,
            check_in_count, sequence_window, facts_stated, os, arch, channel, current_version,
            version_sort, asset_sort, user_name)
    values ($1, $2, $3, $4, $5, '', $6, 1, 0, 0, 'Linux', 'arm64', 'stable', $7, $8, '1', 'Zoë')"""


@pytest.fixture(scope="module")
async def migrated() -> AsyncIterator[asyncpg.Connection]:
    """A database with devices of the release before, brought to the newest schema."""
    with passable_folder() as folder:
        cluster = EmbeddedCluster(folder / "data")
        with cluster.join() as databases:
            url = databases.require_owner()
            owner = await asyncpg.connect(url)
            await ensure_roles(owner)
            await asyncio.to_thread(command.upgrade, config(url), "0012_relay")
            await ensure_logins(owner, logins_of(databases))
            await _fill(owner, datetime.now(UTC))
            await upgrade(databases, datetime.now(UTC))
            yield owner
            await owner.close()


async def _fill(owner: asyncpg.Connection, now: datetime) -> None:
    await owner.execute(
        "insert into msps (msp_id, name, created_at) values ($1, 'A', $2)", MSP, now
    )
    await owner.execute(
        "insert into organizations (msp_id, org_id, name, name_sort, slug, created_at) "
        "values ($1, $2, 'O', 'o', 'o', $3)",
        MSP,
        ORG,
        now,
    )
    await owner.execute(
        "insert into releases (channel, os, version, version_sort, published_at) "
        "values ('stable', '', '2.0', '2#', $1)",
        now,
    )
    for age in AGES:
        for version, sort in VERSIONS.items():
            seen = None if age is None else now - age
            await owner.execute(
                _DEVICE,
                MSP,
                uuid4(),
                ORG,
                uuid7(now),
                now - timedelta(days=500),
                seen,
                version,
                sort,
            )


def _stage(seen: datetime | None) -> Stage:
    return Thresholds().stage(seen, datetime.now(UTC))


async def test_every_device_is_where_the_rules_put_it(migrated: asyncpg.Connection) -> None:
    rows = await migrated.fetch("select last_seen, current_version, stage, is_current from devices")
    assert len(rows) == len(AGES) * len(VERSIONS)
    for seen, version, stage, is_current in rows:
        assert Stage(stage) is _stage(seen)
        assert is_current == (version == "2.0")


async def test_counters_equal_a_count(migrated: asyncpg.Connection) -> None:
    row = await migrated.fetchrow("select * from organization_counters")
    assert row is not None
    counts = list(row.values())[2:]
    states = [
        State(_stage(seen), version == "2.0")
        for seen, version in await migrated.fetch("select last_seen, current_version from devices")
    ]
    assert counts == [states.count(State.from_number(number)) for number in range(8)]


async def test_history_begins_with_enrolling_and_leads_to_the_state(
    migrated: asyncpg.Connection,
) -> None:
    devices = await migrated.fetch("select client_id, stage, is_current, stage_since from devices")
    for client_id, stage, is_current, since in devices:
        steps = await migrated.fetch(
            "select * from device_transitions where client_id = $1 order by at", client_id
        )
        assert [step["state_before"] for step in steps] == [
            None,
            *(step["state_after"] for step in steps[:-1]),
        ], json.dumps([dict(step) for step in steps], default=str)
        assert steps[0]["cause"] == "enrolled"
        assert State.from_number(steps[-1]["state_after"]) == State(Stage(stage), is_current)
        assert steps[-1]["at"] == since


async def test_every_device_is_found_by_its_facts(migrated: asyncpg.Connection) -> None:
    async with migrated.transaction():
        await migrated.execute(f"set local app.msp_id = '{MSP}'")
        found = await migrated.fetchval("select matching_devices('ZOË', 100)")
    devices = await migrated.fetch("select client_id from devices")
    assert set(found) == {row["client_id"] for row in devices}
