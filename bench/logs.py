"""The newest hundred lines of one device's log, beside ever more of others: `make bench-logs`.

Measured with a hundred thousand stored lines and again with SIZE (20 million, about 5 GB; 100
million are 25 GB and take a quarter of an hour to write). Every device has as many lines, spread
over the days they are kept.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import asyncpg
import uvloop

from bench.fleet import Fleet, fill, prepare
from bench.load import client, timed
from bench.product import Place, Product, database, serving

FEW = 100_000
LINES_OF_A_DEVICE = 10_000
_DAYS = 28
_CHUNK = 1_000_000


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000_000)
    parser.add_argument("--times", type=int, default=100)
    options = parser.parse_args()
    with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(place, options))


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(max(options.lines, FEW) // LINES_OF_A_DEVICE, organizations=1)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    with serving(place) as product:
        await _await_partitions(place)
        token = product.access_token(fleet)
        await _write(place, fleet, 0, FEW)
        few = await _read(product, fleet, token, options.times)
        await _write(place, fleet, FEW, options.lines)
        many = await _read(product, fleet, token, options.times)
    print(f"newest 100 of {options.lines:,} / of {FEW:,}")
    print(f"{many * 1000:.2f} ms / {few * 1000:.2f} ms = {many / few:.2f}")


async def _await_partitions(place: Place) -> None:
    """The worker makes them when it starts."""
    owner = await asyncpg.connect(place.databases.require_owner())
    for _ in range(100):
        if await owner.fetchval(_HAS_PARTITION, datetime.now(UTC) - timedelta(days=_DAYS)):
            break
        await asyncio.sleep(0.5)
    await owner.close()


async def _write(place: Place, fleet: Fleet, first: int, end: int) -> None:
    # A superuser: the writing of logs is not what is measured.
    connection = await asyncpg.connect(place.admin_url, database="partner_api")
    began = time.monotonic()
    for start in range(first, end, _CHUNK):
        await connection.execute(
            _LINES, fleet.msp_id, start, min(end, start + _CHUNK) - 1, LINES_OF_A_DEVICE
        )
        print(f"  {min(end, start + _CHUNK):>13,} lines  {time.monotonic() - began:5.0f} s")
    await connection.execute("vacuum analyze logs")
    await connection.close()


async def _read(product: Product, fleet: Fleet, token: str, times: int) -> float:
    """The median over the devices that were there from the beginning."""
    found = []
    async with client(product.url, 1) as ask:
        for n in range(times):
            path = f"{fleet.path(n % (FEW // LINES_OF_A_DEVICE))}/logs?limit=100"
            found.append(await timed(ask, ask.request("GET", path, token)))
    return median(found)


_HAS_PARTITION = """
    select exists (select from pg_class where relname = 'logs_' || to_char($1::timestamptz,
                   'YYYYMMDD'))"""
_LINES = f"""
    insert into logs (msp_id, client_id, enrollment_id, logged_at, log_id, severity, payload)
    select d.msp_id, d.client_id, d.enrollment_id,
           now() - interval '{_DAYS} days' * ((n % $4) / $4::double precision), gen_random_uuid(),
           2, '{{"component":"sync","message":"Synchronized ' || n || ' files"}}'
      from generate_series($2::integer, $3::integer) n
      join devices d on d.msp_id = $1 and d.serial_number = 'SN-' || n / $4"""


if __name__ == "__main__":
    main()
