"""Samples: with check-ins, what they take to keep, how fast they are read: `make bench-telemetry`.

First single check-ins of SIZE devices with samples, beside the same without. Then a million samples
of ten thousand devices go through the worker, and the tables they fill are weighed. At last thirty
days of as many devices are filled in by SQL, and history and analytics are asked for.
"""

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

import asyncpg
import uvloop

from bench.compare import check_in_requests
from bench.fleet import BODY, Fleet, every, fill, prepare
from bench.load import client, timed
from bench.meter import until
from bench.product import Place, Product, database, serving
from bench.rounds import Contestant, Round, alternate, ratio
from bench.wrk import Request, write_requests
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.surfaces.partner.agent import CHECK_INS
from partner_api.telemetry.closing import sketches_of
from partner_api.telemetry.digest import Digester
from partner_api.telemetry.inbox import Kept, columns, keep_sql
from partner_api.telemetry.packing import (
    DAY,
    HOUR,
    MINUTE,
    Point,
    pack_hour,
    pack_totals,
    totals_of,
)
from partner_api.telemetry.types import Sample

_SAMPLED = BODY[:-1] + (
    b',"network":{"interface":"ethernet","latencyMs":18.4,"jitterMs":1.25,"packetLossPct":0,'
    b'"gateway":{"ip":"192.0.2.1","mac":"00:00:5e:00:53:01","responseMs":1.1}}}'
)
_INTERVAL = timedelta(seconds=240)
_GROUP = 25
_ROUNDS_OF_SAMPLES = 100
_PATTERNS = 20
_PATIENCE_SECONDS = 600.0
_TABLES = (
    "network_live",
    "network_chunks",
    "network_minutes",
    "network_days",
    "network_sketches",
    "device_reports",
    "sample_details",
)


def main() -> None:
    """Measure, in databases of their own that are thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--history", type=int, default=10_000, help="devices with thirty days")
    parser.add_argument("--times", type=int, default=30, help="how often each read is asked")
    options = parser.parse_args()
    for measure in (_beside, _weigh, _read):
        with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(place, options))


async def _beside(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, organizations=1000)
    await _filled(place, fleet)
    await place.checkpoint()
    owner = await asyncpg.connect(place.databases.require_owner())

    async def digested() -> None:
        await until(owner, _IS_DIGESTED, seconds=_PATIENCE_SECONDS)

    with serving(place) as product:
        plain, sampled = await alternate(
            [_contestant(product, fleet, b""), _contestant(product, fleet, _SAMPLED)],
            rounds=options.rounds,
            seconds=options.seconds,
            between_rounds=digested,
        )
        began = time.perf_counter()
        await digested()
        lag = time.perf_counter() - began
    await owner.close()
    print(f"check-ins/s with samples / without  {_ratio(sampled, plain):.2f}")
    print(f"database CPU with / without         {_database_ratio(sampled, plain):.2f}")
    print(f"the last sample was digested {lag:.1f} s after the last answer", flush=True)


def _contestant(product: Product, fleet: Fleet, body: bytes) -> Contestant:
    folder = product.place.data_dir
    if not body:
        file = check_in_requests(folder.with_name("plain.txt"), fleet, fleet.devices)
        return Contestant("without samples", product.url, file, product.meter())
    requests = (
        Request("POST", CHECK_INS, f"Bearer {fleet.token(n)}", body.decode())
        for n in every(fleet, fleet.devices)
    )
    file = write_requests(folder.with_name("sampled.txt"), requests)
    return Contestant("with samples", product.url, file, product.meter())


def _ratio(of: Sequence[Round], to: Sequence[Round]) -> float:
    return ratio(of, to, lambda each: each.load.rate)


def _database_ratio(of: Sequence[Round], to: Sequence[Round]) -> float:
    return ratio(of, to, lambda each: each.database_us)


@dataclass
class _Clock:
    """Stands where it was put."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


async def _weigh(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.history, organizations=100)
    await _filled(place, fleet)
    clock = _Clock(datetime.now(UTC).replace(minute=0, second=0) - _INTERVAL * _ROUNDS_OF_SAMPLES)
    dice = random.Random(1)  # noqa: S311 - a bench
    spent = 0.0
    async with _logins(place) as (ingest, worker, owner):
        digester = Digester(worker, clock)  # type: ignore[arg-type]
        for _ in range(_ROUNDS_OF_SAMPLES):
            clock.instant += _INTERVAL
            await _keep(ingest, fleet, clock.instant, dice)
            began = time.process_time()
            while await digester.work():
                """There is more to do at once."""
            spent += time.process_time() - began
        for table in _TABLES:
            await owner.execute(f"vacuum {table}")
        sizes = {table: await owner.fetchval(_SIZE, table) for table in _TABLES}
    samples = options.history * _ROUNDS_OF_SAMPLES
    print(f"{samples:,} samples take {sum(sizes.values()) / samples:.0f} MB a million:")
    for table, size in sizes.items():
        print(f"  {table:<18} {size / samples:6.1f}")
    print(f"the worker's processor time  {spent / samples * 1e6:.0f} us a sample", flush=True)


async def _keep(
    ingest: asyncpg.Connection, fleet: Fleet, instant: datetime, dice: random.Random
) -> None:
    """A sample of every device, written in groups as check-ins write them."""
    for first in range(0, fleet.devices, _GROUP):
        moment = instant - timedelta(milliseconds=dice.randrange(200_000))
        kept = [
            Kept(n + 1, fleet.msp_id, fleet.client_id(first + n), moment, _sample(dice))
            for n in range(_GROUP)
        ]
        ordinals = [each.ordinal for each in kept]
        await ingest.execute(_KEEP, *columns(kept, moment), ordinals)


def _sample(dice: random.Random) -> Sample:
    return Sample(
        latency=int(18_000 * dice.lognormvariate(0, 0.3)),
        jitter=int(1500 * dice.lognormvariate(0, 0.8)),
        loss=dice.choice((0, 0, 0, 0, 0, 0, 0, 1000, 2000)),
        gateway_response=int(1000 * dice.lognormvariate(0, 0.3)),
        wifi_rssi=-1000 * dice.randrange(45, 75),
        gateway_mac=0x00005E005301,
        network='{"interface":"wifi"}',
    )


async def _read(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.history, organizations=100)
    await _filled(place, fleet)
    owner = await asyncpg.connect(place.databases.require_owner())
    await _fill_in(owner, fleet, datetime.now(UTC))
    await owner.close()
    with serving(place) as product:
        token = product.access_token(fleet)
        async with client(product.url, 1) as ask:
            for name, path in _reads(fleet):
                seconds = [
                    await timed(ask, ask.request("GET", path(n), token))
                    for n in range(options.times)
                ]
                print(
                    f"{name:<42} p50 {median(seconds) * 1e3:6.1f} ms  "
                    f"worst {max(seconds) * 1e3:6.1f} ms",
                    flush=True,
                )


def _reads(fleet: Fleet) -> Sequence[tuple[str, Callable[[int], str]]]:
    """Another question each time, or the answer would be a remembered one."""
    now = datetime.now(UTC)
    month = f"from={now - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
    week = f"from={now - timedelta(days=6, hours=23):%Y-%m-%dT%H:%M:%SZ}"
    quality = "/v1/analytics/network-quality"
    return [
        ("history, a day, samples", lambda n: f"{fleet.path(n)}/network-history"),
        ("history, a week, by the hour", lambda n: f"{fleet.path(n)}/network-history?{week}"),
        (
            "history, 30 days, by the hour",
            lambda n: f"{fleet.path(n)}/network-history?{month}&resolution=1h",
        ),
        (
            "history, 30 days, by the day",
            lambda n: f"{fleet.path(n)}/network-history?{month}&resolution=1d",
        ),
        *(
            (
                f"network quality, {window}, by {group}",
                lambda n, window=window, group=group: (
                    f"{quality}?window={window}&groupBy={group}&limit={100 - n}"
                ),
            )
            for window in ("1h", "24h", "7d", "30d")
            for group in ("org", "device")
        ),
    ]


async def _fill_in(owner: asyncpg.Connection, fleet: Fleet, now: datetime) -> None:
    """Thirty days of samples, of which each device has one of a few patterns for each hour."""
    print(f"Filling in thirty days of {fleet.devices:,} devices …", flush=True)
    dice = random.Random(2)  # noqa: S311 - a bench
    hours = [_points(dice, 0, HOUR) for _ in range(_PATTERNS)]
    chunks = [pack_hour(0, points) for points in hours]
    minutes = [pack_totals(totals_of(points, MINUTE), 0) for points in hours]
    days = [_day(dice) for _ in range(_PATTERNS)]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    await owner.execute(_LIVE, fleet.msp_id, now)
    await owner.execute(_CHUNKS, fleet.msp_id, this_hour - timedelta(days=7), this_hour, chunks)
    await owner.execute(_MINUTES, fleet.msp_id, this_hour - timedelta(days=3), this_hour, minutes)
    packed = [list(column) for column in zip(*days, strict=True)]
    await owner.execute(_DAYS, fleet.msp_id, today - timedelta(days=30), today, *packed)
    for seconds, since in (
        (300, timedelta(hours=25)),
        (3600, timedelta(days=8)),
        (86400, timedelta(days=31)),
    ):
        sketches = [_sketches(dice, fleet, seconds) for _ in range(_PATTERNS)]
        columns_of = [list(column) for column in zip(*sketches, strict=True)]
        start = datetime.fromtimestamp((now - since).timestamp() // seconds * seconds, UTC)
        await owner.execute(_SKETCHES, fleet.msp_id, seconds, start, now, *columns_of)
    for table in _TABLES:
        await owner.execute(f"vacuum analyze {table}")


def _points(dice: random.Random, first: int, length: int) -> Sequence[Point]:
    step = int(_INTERVAL.total_seconds() * 1000)
    points = []
    for at in range(first, first + length, step):
        sample = _sample(dice)
        measures = (sample.latency, sample.jitter, sample.loss)
        points.append(Point(at, *measures, sample.gateway_response, sample.wifi_rssi))
    return points


def _day(dice: random.Random) -> tuple[bytes, ...]:
    points = _points(dice, 0, DAY)
    sketches = sketches_of(points).values()
    return pack_totals(totals_of(points, HOUR), 0), *(each.pack() for each in sketches)


def _sketches(dice: random.Random, fleet: Fleet, seconds: int) -> tuple[bytes, ...]:
    """Of an organization: as many samples as its devices take in the time, two days' at most."""
    taken = min(int(fleet.devices / 100 * seconds / _INTERVAL.total_seconds()), 20_000)
    points = [point for _ in range(taken) for point in _points(dice, 0, 1)]
    return tuple(each.pack() for each in sketches_of(points).values())


async def _filled(place: Place, fleet: Fleet) -> None:
    print(f"Filling in {fleet.devices:,} devices …", flush=True)
    await prepare(place.databases)
    await fill(place.databases, fleet)


@asynccontextmanager
async def _logins(place: Place) -> AsyncIterator[Sequence[asyncpg.Connection]]:
    urls = place.databases
    ingest = await asyncpg.connect(urls.ingest, server_settings=PLAN_SETTINGS)
    worker = await asyncpg.connect(urls.worker, server_settings=PLAN_SETTINGS)
    owner = await asyncpg.connect(urls.require_owner())
    try:
        yield ingest, worker, owner
    finally:
        for each in (ingest, worker, owner):
            await each.close()


_IS_DIGESTED = "select not exists (select from sample_inbox)"
_KEEP = f"select {keep_sql('$7::bigint[]', 1)}"
_SIZE = """
    select sum(pg_total_relation_size(c.oid)) from pg_class c
      left join pg_inherits i on i.inhrelid = c.oid
     where c.relkind = 'r'
       and (c.relname = $1 or i.inhparent::regclass::text = $1)"""
_NUMBERED = "(select client_id, row_number() over () as n from devices where msp_id = $1) d"
_LIVE = """
    insert into network_live (msp_id, client_id, org_id, sampled_at, points)
    select msp_id, client_id, org_id, $2::timestamptz - interval '1 hour', '' from devices
     where msp_id = $1"""
_CHUNKS = f"""
    insert into network_chunks (msp_id, client_id, hour, points)
    select $1::uuid, d.client_id, h, ($4::bytea[])[1 + (d.n + extract(epoch from h)::bigint / 3600)
           % {_PATTERNS}]
      from generate_series($2::timestamptz, $3::timestamptz - interval '1 hour', '1 hour') h,
           {_NUMBERED}"""
_MINUTES = f"""
    insert into network_minutes (msp_id, client_id, hour, totals)
    select $1::uuid, d.client_id, h, ($4::bytea[])[1 + (d.n + extract(epoch from h)::bigint / 3600)
           % {_PATTERNS}]
      from generate_series($2::timestamptz, $3::timestamptz - interval '1 hour', '1 hour') h,
           {_NUMBERED}"""
_DAYS = f"""
    insert into network_days (msp_id, client_id, day, hours, latency, jitter, loss)
    select $1::uuid, d.client_id, h, ($4::bytea[])[p.n], ($5::bytea[])[p.n], ($6::bytea[])[p.n],
           ($7::bytea[])[p.n]
      from generate_series($2::timestamptz, $3::timestamptz, '1 day') h, {_NUMBERED}
     cross join lateral (
           values (1 + (d.n + extract(epoch from h)::bigint / 86400) % {_PATTERNS})) p (n)"""
_SKETCHES = f"""
    insert into network_sketches (msp_id, org_id, seconds, start, latency, jitter, loss)
    select $1::uuid, o.org_id, $2::integer, h, ($5::bytea[])[p.n], ($6::bytea[])[p.n],
           ($7::bytea[])[p.n]
      from generate_series($3::timestamptz, $4::timestamptz, interval '1 second' * $2::integer) h,
           (select org_id, row_number() over () as n from (
                select org_id from organizations where msp_id = $1
                 union all select '{UUID(int=0)}'::uuid) every_one) o
     cross join lateral (
           values (1 + (o.n + extract(epoch from h)::bigint / $2::integer) % {_PATTERNS})) p (n)"""

if __name__ == "__main__":
    main()
