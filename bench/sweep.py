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
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench.fleet import FACTS, INTERVAL_SECONDS, Fleet, fill, prepare
from partner_api.config import Databases
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.pools import acquired, create_pool
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.ingest.parse import facts_digest
from partner_api.kernel.clock import SystemClock
from partner_api.sweep.sweeper import Sweeper

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
    fleet = Fleet(options.devices, options.organizations)
    print(f"Filling in {fleet.devices:,} devices …", flush=True)
    await prepare(databases)
    await fill(databases, fleet)
    owner = await asyncpg.connect(databases.require_owner())
    async with (
        await create_pool(databases.ingest, size=1, settings=PLAN_SETTINGS) as ingest,
        await create_pool(databases.worker, size=1, settings=PLAN_SETTINGS) as worker,
        acquired(ingest) as writing,
        acquired(worker) as sweeping,
    ):
        checking_in = asyncio.create_task(_check_in(writing, fleet))
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


_GROUP = "select count(*) from check_in_calm($1, $2, $3, $4, $5, $6, $7)"
_LATE = """
    select extract(epoch from now() - min(last_seen + interval '300 seconds'))
      from devices where stage = 0 and last_seen < now() - interval '300 seconds'"""


async def _check_in(connection: asyncpg.pool.PoolConnectionProxy, fleet: Fleet) -> None:
    """Everybody in turn, one group after another, each 240 seconds after the last time."""
    # Those seen longest ago come first.
    talking = [n for n in reversed(range(fleet.devices)) if n % SILENT_EVERY]
    pause = INTERVAL_SECONDS * GROUP / len(talking)
    digest = facts_digest(FACTS)
    due = time.monotonic()
    while True:
        for start in range(0, len(talking), GROUP):
            group = sorted(
                map(fleet.principal, talking[start : start + GROUP]), key=lambda d: d.client_id
            )
            now = datetime.now(UTC)
            await connection.execute(
                _GROUP,
                [device.msp_id for device in group],
                [device.client_id for device in group],
                [device.token_hash for device in group],
                [now] * len(group),
                [None] * len(group),
                [digest] * len(group),
                now,
            )
            due += pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
