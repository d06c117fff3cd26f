"""A fleet's everyday, at full size: `make bench-day SIZE=1000000`.

Every device checks in every 240 seconds, and dashboards read twenty times a second beside it, for
ten minutes. Printed: errors, latencies from the moment each request was due, processor time, the
log written, and the memory of the API process as time passes.
"""

import argparse
import asyncio
import time

import asyncpg
import uvloop

from bench.fleet import BODY, INTERVAL_SECONDS, Fleet, fill, prepare
from bench.load import Client, Tally, client, pace
from bench.meter import between, megabytes
from bench.product import Place, Product, database, serving
from partner_api.surfaces.partner.agent import CHECK_INS

READS_PER_SECOND = 20.0
_CONNECTIONS = 256


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--organizations", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600.0)
    options = parser.parse_args()
    with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(place, options))


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, options.organizations)
    print(f"Filling in {fleet.devices:,} devices …", flush=True)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    with serving(place) as product:
        async with client(product.url, _CONNECTIONS) as ask:
            await _run(place, product, ask, fleet, options.seconds)
    await _sizes(place)


async def _run(place: Place, product: Product, ask: Client, fleet: Fleet, seconds: float) -> None:
    rate = fleet.devices / INTERVAL_SECONDS
    reads = dashboard(ask, fleet, product.access_token(fleet))
    owner = await asyncpg.connect(place.databases.require_owner())
    hot_before, updated_before = await owner.fetchrow(_HOT) or (0, 0)
    meter, api = product.meter(), product.api()
    print(f"{rate:,.0f} check-ins and {READS_PER_SECOND:.0f} reads a second …", flush=True)
    before, began = await meter.read(), time.monotonic()
    watching = asyncio.create_task(_watch(product, seconds))
    tallies = await asyncio.gather(
        pace(ask, lambda n: check_in(ask, fleet, n), rate=rate, seconds=seconds),
        pace(ask, lambda n: reads[n % len(reads)], rate=READS_PER_SECOND, seconds=seconds),
    )
    spent, passed = between(before, await meter.read()), time.monotonic() - began
    watching.cancel()
    for name, tally in zip(("check-ins", "reads"), tallies, strict=True):
        _print(name, tally)
    count = len(tallies[0].seconds)
    print(f"API process      {spent.server / passed:.0%} of a core, {megabytes(api):.0f} MB")
    print(f"PostgreSQL       {spent.database / passed:.0%} of a core")
    print(f"log              {spent.wal / count:.0f} B a check-in")
    # Sessions report what they did a second after at the latest.
    await asyncio.sleep(2)
    hot, updated = await owner.fetchrow(_HOT) or (0, 0)
    updated -= updated_before
    print(f"in place (HOT)   {(hot - hot_before) / max(1, updated):.4f} of {updated:,} updates")
    await owner.close()


def check_in(ask: Client, fleet: Fleet, n: int) -> bytes:
    """The request of the device whose turn it is: those seen longest ago come first."""
    device = fleet.devices - 1 - n % fleet.devices
    return ask.request("POST", CHECK_INS, fleet.token(device), BODY)


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
    api, began = product.api(), time.monotonic()
    while True:
        await asyncio.sleep(max(5.0, seconds / 10))
        print(f"  {time.monotonic() - began:4.0f} s  {megabytes(api):.0f} MB", flush=True)


def _print(name: str, tally: Tally) -> None:
    print(
        f"{name:<16} {len(tally.seconds):,}, errors {tally.errors}, "
        f"p50 {tally.percentile_ms(0.5):.1f} ms, p99 {tally.percentile_ms(0.99):.1f} ms, "
        f"worst {tally.percentile_ms(1):.0f} ms {dict(tally.statuses)}"
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
