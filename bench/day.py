"""A fleet's everyday, at full size: `make bench-day SIZE=1000000`.

Once the server has swept all of them, every device checks in every 240 seconds, and dashboards
read twenty times a second beside it, for ten minutes. Printed: errors, latencies, how late
requests were sent, processor time, the log written, and the memory of the API process as time
passes.
"""

import argparse
import asyncio
import time
from pathlib import Path

import asyncpg
import uvloop

from bench import wrk
from bench.fleet import BODY, INTERVAL_SECONDS, Fleet, fill, prepare
from bench.load import Client, client, pace
from bench.meter import between, megabytes, until
from bench.product import Place, Product, database, serving
from partner_api.surfaces.partner.agent import CHECK_INS

READS_PER_SECOND = 20.0
_CONNECTIONS = 256
_READERS = 16
_SWEEP_SECONDS = 60.0
_SWEPT = "select exists (select from sweep_watermark where now() - swept_at < interval '1 second')"


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--organizations", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(place, options))


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, options.organizations)
    print(f"Filling in {fleet.devices:,} devices …", flush=True)
    await prepare(place.databases)
    tokens = place.data_dir.with_name("tokens.txt")
    # Those seen longest ago come first.
    tokens.write_text("\n".join(fleet.token(n) for n in reversed(range(fleet.devices))))
    await fill(place.databases, fleet)
    with serving(place, workers=options.workers) as product:
        async with client(product.url, _READERS) as ask:
            await _run(product, ask, fleet, tokens, options.seconds)
    await _sizes(place)


async def _run(product: Product, ask: Client, fleet: Fleet, tokens: Path, seconds: float) -> None:
    rate = fleet.devices / INTERVAL_SECONDS
    reads = dashboard(ask, fleet, product.access_token(fleet))
    owner = await asyncpg.connect(product.place.databases.require_owner())
    hot_before, updated_before = await owner.fetchrow(_HOT) or (0, 0)
    meter = product.meter()
    # A day has no start of a server in it.
    await until(owner, _SWEPT, seconds=_SWEEP_SECONDS)
    print(f"{rate:,.0f} check-ins and {READS_PER_SECOND:.0f} reads a second …", flush=True)
    before, began = await meter.read(), time.monotonic()
    watching = asyncio.create_task(_watch(product, seconds))
    check_ins, tally = await asyncio.gather(
        wrk.check_in(
            product.url,
            CHECK_INS,
            BODY.decode(),
            tokens,
            rate=rate,
            connections=_CONNECTIONS,
            seconds=int(seconds),
        ),
        pace(ask, lambda n: reads[n % len(reads)], rate=READS_PER_SECOND, seconds=seconds),
    )
    spent, passed = between(before, await meter.read()), time.monotonic() - began
    watching.cancel()
    count = check_ins.requests
    print(
        f"check-ins        {count:,}, errors {check_ins.refused}, p50 {check_ins.p50_ms:.1f} ms, "
        f"p99 {check_ins.p99_ms:.1f} ms, sent late {check_ins.late:,}, "
        f"by {check_ins.worst_ms:.0f} ms at most"
    )
    print(
        f"reads            {len(tally.seconds):,}, errors {tally.errors}, "
        f"p50 {tally.percentile_ms(0.5):.1f} ms, p99 {tally.percentile_ms(0.99):.1f} ms "
        f"{dict(tally.statuses)}"
    )
    held = megabytes(product.apis())
    print(f"API processes    {spent.server / passed:.0%} of a core, {held:.0f} MB")
    print(f"PostgreSQL       {spent.database / passed:.0%} of a core")
    print(f"log              {spent.wal / count:.0f} B a check-in")
    # Sessions report what they did a second after at the latest.
    await asyncio.sleep(2)
    hot, updated = await owner.fetchrow(_HOT) or (0, 0)
    updated -= updated_before
    print(f"in place (HOT)   {(hot - hot_before) / max(1, updated):.4f} of {updated:,} updates")
    await owner.close()


def dashboard(ask: Client, fleet: Fleet, token: str) -> list[bytes]:
    """What somebody at a dashboard makes a browser read."""
    paths = [
        f"/v1/msp/{fleet.msp}/stats",
        "/v1/organizations?limit=25",
        "/v1/devices?limit=25",
        fleet.path(fleet.devices // 2),
        "/v1/devices?limit=25&status=critical",
        "/v1/devices?limit=25&q=ASSET-4711",
        "/v1/devices?limit=25&sortBy=assetId",
        f"{fleet.path(fleet.devices // 3)}/logs?limit=25",
    ]
    return [ask.request("GET", path, token) for path in paths]


async def _watch(product: Product, seconds: float) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(max(5.0, seconds / 10))
        print(
            f"  {time.monotonic() - began:4.0f} s  {megabytes(product.apis()):.0f} MB", flush=True
        )


_HOT = "select n_tup_hot_upd, n_tup_upd from pg_stat_user_tables where relname = 'devices'"
_SIZES = """
    select relname, pg_relation_size(oid) / 1e6 from pg_class
     where relname ~ '^(devices|organization_counters|device_)' and relkind in ('r', 'i')
       and pg_relation_size(oid) > 1000000
     order by 2 desc"""


async def _sizes(place: Place) -> None:
    owner = await asyncpg.connect(place.databases.require_owner())
    for name, size in await owner.fetch(_SIZES):
        print(f"  {name:<46} {size:7.0f} MB")
    await owner.close()


if __name__ == "__main__":
    main()
