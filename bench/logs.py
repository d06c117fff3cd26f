"""The newest hundred lines of one device's log, beside ever more of others: `make bench-logs`.

Two servers are asked in turn, one with a hundred thousand stored lines and one with LINES (20
million, about 5 GB; 100 million are 25 GB and take half an hour to write). Every device has as many
lines, spread over the days they are kept.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
    """Measure, in databases of their own that are thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000_000)
    parser.add_argument("--times", type=int, default=100)
    options = parser.parse_args()
    with ExitStack() as stack:
        places = [stack.enter_context(database()) for _ in range(2)]
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        runner.run(_measure(places, options))


@dataclass(frozen=True)
class _Store:
    """A server with so many lines."""

    product: Product
    fleet: Fleet
    token: str


async def _measure(places: Sequence[Place], options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        many, few = [
            await _filled(stack, place, lines)
            for place, lines in zip(places, (options.lines, FEW), strict=True)
        ]
        async with client(many.product.url, 1) as ask, client(few.product.url, 1) as ask_few:
            seconds: list[list[float]] = [[], []]
            for n in range(options.times):
                for store, asked, found in zip((many, few), (ask, ask_few), seconds, strict=True):
                    # Each time another of the devices that have lines in both.
                    path = f"{store.fleet.path(n % (FEW // LINES_OF_A_DEVICE))}/logs?limit=100"
                    found.append(await timed(asked, asked.request("GET", path, store.token)))
    one, other = map(median, seconds)
    print(f"newest 100 of {options.lines:,} / of {FEW:,}")
    print(f"{one * 1000:.2f} ms / {other * 1000:.2f} ms = {one / other:.2f}")


async def _filled(stack: ExitStack, place: Place, lines: int) -> _Store:
    fleet = Fleet(lines // LINES_OF_A_DEVICE, organizations=1)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    product = stack.enter_context(serving(place))
    await _await_partitions(place)
    await _write(place, fleet, lines)
    return _Store(product, fleet, product.access_token(fleet))


async def _await_partitions(place: Place) -> None:
    """The worker makes them when it starts."""
    owner = await asyncpg.connect(place.databases.require_owner())
    for _ in range(100):
        if await owner.fetchval(_HAS_PARTITION, datetime.now(UTC) - timedelta(days=_DAYS)):
            break
        await asyncio.sleep(0.5)
    await owner.close()


async def _write(place: Place, fleet: Fleet, end: int) -> None:
    # A superuser: the writing of logs is not what is measured.
    connection = await asyncpg.connect(place.admin_url, database="partner_api")
    began = time.monotonic()
    for start in range(0, end, _CHUNK):
        await connection.execute(
            _LINES, fleet.msp_id, start, min(end, start + _CHUNK) - 1, LINES_OF_A_DEVICE
        )
        print(f"  {min(end, start + _CHUNK):>13,} lines  {time.monotonic() - began:5.0f} s")
    await connection.execute("vacuum analyze logs")
    await connection.close()


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
