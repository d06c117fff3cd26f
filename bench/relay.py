"""Relayed check-ins beside the same rows written by the database alone: `make bench-relay`.

Two connections post groups of 500 devices to /v1/check-ins; then two database connections write
the same devices in batches of 500 by the statement of everyday check-ins; and so on in turn.
Beside each rate stands the processor time of the API process and of PostgreSQL for an item.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import asyncpg
import uvloop

from bench.fleet import BODY, FACTS, Fleet, every, fill, prepare
from bench.load import Client, client
from bench.meter import Meter, Spent, between
from bench.product import Place, database, serving
from partner_api.ingest.check_ins import CALM, PLAN_SETTINGS
from partner_api.ingest.parse import facts_digest
from partner_api.kernel.ids import format_client_id
from partner_api.tenancy.grouping import EVERY_TENANT

GROUP = 500
_AT_ONCE = 2


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(place, options))


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, organizations=100)
    print(f"Filling in {fleet.devices:,} devices …", flush=True)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    devices = every(fleet, 20_000)
    groups = [devices[start : start + GROUP] for start in range(0, len(devices), GROUP)]
    with serving(place) as product:
        async with client(product.url, _AT_ONCE) as ask:
            token, meter = product.access_token(fleet), product.meter()
            requests = [relayed_by(ask, fleet, token, group) for group in groups]
            rows = [_rows(fleet, group) for group in groups]
            ratios = []
            for number in range(options.rounds + 1):
                relayed = await _timed(meter, relay(ask, requests, options.seconds))
                alone = await _timed(meter, _write(place, rows, options.seconds))
                print(f"  {number}  relayed {relayed}  database alone {alone}", flush=True)
                ratios.append(relayed.rate / alone.rate)
    # The first round warmed up.
    print(f"relayed / database alone   {median(ratios[1:]):.2f}")


@dataclass(frozen=True)
class _Load:
    """Items that were taken, in how many seconds, and what they cost."""

    items: int
    seconds: float
    spent: Spent

    @property
    def rate(self) -> float:
        return self.items / self.seconds

    def __str__(self) -> str:
        server, database = self.spent.server * 1e6, self.spent.database * 1e6
        return (
            f"{self.rate:,.0f}/s (server {server / self.items:.1f} us, "
            f"database {database / self.items:.1f} us)"
        )


async def _timed(meter: Meter, load: Awaitable[int]) -> _Load:
    before, began = await meter.read(), time.perf_counter()
    items = await load
    seconds = time.perf_counter() - began
    return _Load(items, seconds, between(before, await meter.read()))


def relayed_by(ask: Client, fleet: Fleet, token: str, group: Sequence[int]) -> bytes:
    """The request of an integrator that passes on a check-in each of some devices."""
    said = json.loads(BODY)
    items = [said | {"clientId": format_client_id(fleet.client_id(n))} for n in group]
    return ask.request(
        "POST", "/v1/check-ins", token, json.dumps({"checkIns": items}).encode("ascii")
    )


async def relay(ask: Client, requests: Sequence[bytes], seconds: float) -> int:
    """Post them over two connections, again and again; how many check-ins were accepted."""
    taken, began = 0, time.perf_counter()

    async def post(first: int) -> None:
        nonlocal taken
        n = first
        while time.perf_counter() - began < seconds:
            answer = await ask.ask(requests[n % len(requests)])
            taken += json.loads(answer.body)["data"]["accepted"]
            n += _AT_ONCE

    await asyncio.gather(*map(post, range(_AT_ONCE)))
    return taken


Rows = tuple[list[object], list[object], list[object]]


def _rows(fleet: Fleet, group: Sequence[int]) -> Rows:
    devices = sorted((fleet.principal(n) for n in group), key=lambda device: device.client_id)
    return (
        [device.msp_id for device in devices],
        [device.client_id for device in devices],
        [device.token_hash for device in devices],
    )


async def _write(place: Place, rows: Sequence[Rows], seconds: float) -> int:
    written, began = 0, time.perf_counter()
    digests, numbers = [facts_digest(FACTS)] * GROUP, [None] * GROUP

    async def write(first: int) -> None:
        nonlocal written
        connection = await asyncpg.connect(
            place.databases.ingest, server_settings=dict(PLAN_SETTINGS)
        )
        statement = await connection.prepare(CALM.format(EVERY_TENANT.argument))
        n = first
        while time.perf_counter() - began < seconds:
            now = datetime.now(UTC)
            keys = rows[n % len(rows)]
            found = await statement.fetch(*keys, [now] * GROUP, numbers, digests, now)
            written += len(found)
            n += _AT_ONCE
        await connection.close()

    await asyncio.gather(*map(write, range(_AT_ONCE)))
    return written


if __name__ == "__main__":
    main()
