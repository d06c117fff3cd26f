"""A whole fleet comes back at once after an outage: `make bench-returning SIZE=100000`.

Every device has been silent for two hours and is recorded as offline. All check in at the same
moment, over as many connections as one machine can hold; whoever is sent away waits as long as it
is told and comes again. Printed: how long until every device was taken, and what the database says
it counted.
"""

import argparse
import asyncio
import random
import time
from collections import Counter

import asyncpg
import uvloop

from bench.fleet import BODY, Fleet, fill, prepare
from bench.load import Client, client
from bench.meter import between
from bench.product import Place, database, serving
from partner_api.surfaces.partner.agent import CHECK_INS

_OFFLINE_SECONDS = 7200.0


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--organizations", type=int, default=100)
    parser.add_argument("--connections", type=int, default=2000)
    options = parser.parse_args()
    with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(place, options))


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, options.organizations, silent_seconds=_OFFLINE_SECONDS)
    print(f"Filling in {fleet.devices:,} devices, offline …", flush=True)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    with serving(place) as product:
        async with client(product.url, options.connections) as ask:
            meter = product.meter()
            before, began = await meter.read(), time.perf_counter()
            statuses = await _return(ask, fleet)
            seconds, spent = time.perf_counter() - began, between(before, await meter.read())
    print(f"until all were taken   {seconds:.1f} s, {fleet.devices / seconds:,.0f} a second")
    print(f"answers                {dict(statuses)}")
    for name, used in (("API process", spent.server), ("PostgreSQL", spent.database)):
        print(f"{name:<22} {used / fleet.devices * 1e6:.0f} us a device")
    owner = await asyncpg.connect(place.databases.require_owner())
    counted, steps = await owner.fetchrow(_COUNTED, fleet.msp_id) or (0, 0)
    print(f"counted, recorded      {int(counted):,} check-ins, {steps:,} steps")
    await owner.close()


async def _return(ask: Client, fleet: Fleet) -> Counter[int]:
    statuses: Counter[int] = Counter()

    async def come_back(n: int) -> None:
        request = ask.request("POST", CHECK_INS, fleet.token(n), BODY)
        while True:
            answer = await ask.ask(request)
            statuses[answer.status] += 1
            if answer.status == 200:
                return
            if answer.status not in {0, 429, 503}:
                raise RuntimeError(f"{answer.status}: {answer.body!r}")
            await asyncio.sleep(answer.retry_after + random.uniform(0, 1))  # noqa: S311

    order = list(range(fleet.devices))
    random.shuffle(order)
    await asyncio.gather(*map(come_back, order))
    return statuses


_COUNTED = """
    select (select sum(check_in_count - 1) from devices where msp_id = $1),
           (select count(*) from device_transitions where msp_id = $1 and cause = 'check-in')"""


if __name__ == "__main__":
    main()
