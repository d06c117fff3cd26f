"""What the sweep costs beside a fleet that checks in: `python -m bench.sweep --devices 1000000`.

Devices check in every 240 seconds through the ingest function, except one in a thousand, which fall
silent. Printed: the sweep's share of one core, in PostgreSQL and in its own process, and how long
after its threshold each device's step was recorded.
"""

import argparse
import asyncio
import os
import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from partner_api.config import Databases
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.migrations import upgrade
from partner_api.database.pools import acquired, create_pool
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.kernel.clock import SystemClock
from partner_api.sweep.sweeper import Sweeper

INTERVAL = 240.0
GROUP = 200
SILENT_EVERY = 1000
PAUSE = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--organizations", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=90.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="partner-api-") as name:
        Path(name).chmod(0o711)
        cluster = EmbeddedCluster(Path(name) / "data")
        with cluster.join() as databases:
            asyncio.run(_measure(databases, options))


async def _measure(databases: Databases, options: argparse.Namespace) -> None:
    await upgrade(databases, datetime.now(UTC))
    owner = await asyncpg.connect(databases.require_owner())
    print(f"Filling in {options.devices:,} devices …", flush=True)
    keys = await _fill(owner, options.devices, options.organizations)
    async with (
        await create_pool(databases.ingest, size=1, settings=PLAN_SETTINGS) as ingest,
        await create_pool(databases.worker, size=1, settings=PLAN_SETTINGS) as worker,
        acquired(ingest) as writing,
        acquired(worker) as sweeping,
    ):
        checking_in = asyncio.create_task(_check_in(writing, keys))
        sweeper = Sweeper(sweeping, SystemClock())
        # The first round reads everything; what follows is the everyday cost.
        await sweeper.sweep()
        print(f"Sweeping for {options.seconds:.0f} s …", flush=True)
        spent = _Spent(sweeping.get_server_pid(), writing.get_server_pid())
        rounds, moved = await _sweep_for(sweeper, options.seconds)
        spent.report(rounds, moved)
        print(f"oldest step not yet recorded   {await owner.fetchval(_LATE) or 0:.2f} s")
        checking_in.cancel()
    await owner.close()


async def _sweep_for(sweeper: Sweeper, seconds: float) -> tuple[int, int]:
    rounds = moved = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        moved += await sweeper.sweep()
        rounds += 1
        await asyncio.sleep(PAUSE)
    return rounds, moved


class _Spent:
    """Processor time since it was made, of two of PostgreSQL's processes and of this one."""

    def __init__(self, sweeping: int, writing: int) -> None:
        self._pids = (sweeping, writing)
        self._cpu = [_cpu(pid) for pid in self._pids]
        self._python = time.process_time()
        self._started = time.monotonic()

    def report(self, rounds: int, moved: int) -> None:
        elapsed = time.monotonic() - self._started
        sweeping, writing = (
            (_cpu(pid) - before) / elapsed
            for pid, before in zip(self._pids, self._cpu, strict=True)
        )
        python = (time.process_time() - self._python) / elapsed
        print(f"rounds, devices moved          {rounds}, {moved}")
        print(f"sweep, PostgreSQL, of one core {sweeping:.2%}")
        print(f"check-ins, PostgreSQL          {writing:.2%}")
        print(f"Python, sweep and check-ins    {python:.2%}")


_MSP = "insert into msps (msp_id, name, created_at) values ($1, 'Bench', now())"
_ORGANIZATIONS = """
    with made as (
        insert into organizations (msp_id, org_id, name, name_sort, slug, created_at)
        select $1, gen_random_uuid(), 'o' || n, 'o' || n, 'o' || n, now()
          from generate_series(1, $2::integer) n
        returning msp_id, org_id
    )
    insert into organization_counters (msp_id, org_id) select msp_id, org_id from made"""
_DEVICES = """
    insert into devices
           (msp_id, client_id, org_id, enrollment_id, enrolled_at, token_hash, last_seen,
            check_in_count, sequence_window, facts_digest, facts_stated, os, os_version, arch,
            channel, current_version, version_sort, serial_number, asset_id, asset_sort,
            user_name, user_email, stage, is_current, stage_since)
    select $1, gen_random_uuid(), o.ids[1 + n % cardinality(o.ids)], gen_random_uuid(),
           now() - interval '1 day', '\\x00',
           now() - interval '240 seconds' * (n::double precision / $2), 1, 0, 0, 0,
           'Windows', '11.2', 'x86_64', 'stable', '1.0.5', '1.0.5', 'SN-' || n, 'ASSET-' || n,
           '0asset-' || n, 'User ' || n, 'user' || n || '@example.com', 0, true,
           now() - interval '1 hour'
      from generate_series(1, $2::integer) n,
           (select array_agg(org_id) as ids from organizations where msp_id = $1) o"""
_COUNT = """
    update organization_counters k set streaming_current = c.n
      from (select org_id, count(*) as n from devices group by org_id) c
     where k.org_id = c.org_id"""
_SHIFT = "update devices set last_seen = last_seen + $1"
_KEYS = "select msp_id, client_id from devices order by last_seen"
_GROUP = "select count(*) from check_in_calm($1, $2, $3, $4, $5, $6, $7)"
_LATE = """
    select extract(epoch from now() - min(last_seen + interval '300 seconds'))
      from devices where stage = 0 and last_seen < now() - interval '300 seconds'"""


Key = tuple[uuid.UUID, uuid.UUID]


async def _fill(owner: asyncpg.Connection, devices: int, organizations: int) -> Sequence[Key]:
    started = time.monotonic()
    msp_id = uuid.uuid4()
    await owner.execute(_MSP, msp_id)
    await owner.execute(_ORGANIZATIONS, msp_id, organizations)
    await owner.execute(_DEVICES, msp_id, devices)
    await owner.execute(_COUNT)
    # As if everybody had checked in while this went on; the shift itself takes as long again.
    await owner.execute(_SHIFT, timedelta(seconds=1.5 * (time.monotonic() - started)))
    await owner.execute("vacuum analyze devices")
    await owner.execute("analyze organization_counters")
    return [(row[0], row[1]) for row in await owner.fetch(_KEYS)]


async def _check_in(connection: asyncpg.pool.PoolConnectionProxy, keys: Sequence[Key]) -> None:
    """Everybody in turn, one group after another, each 240 seconds after the last time."""
    talking = [key for n, key in enumerate(keys) if n % SILENT_EVERY]
    pause = INTERVAL * GROUP / len(talking)
    due = time.monotonic()
    while True:
        for start in range(0, len(talking), GROUP):
            group = sorted(talking[start : start + GROUP])
            now = datetime.now(UTC)
            observed = [now - timedelta(microseconds=n) for n in range(len(group))]
            blank = [None] * len(group)
            await connection.execute(
                _GROUP,
                [key[0] for key in group],
                [key[1] for key in group],
                [b"\0"] * len(group),
                observed,
                blank,
                [0] * len(group),
                now,
            )
            due += pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
