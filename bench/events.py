"""Events, from what they tell to whoever listens: `make bench-events SIZE=100000`.

Printed: how many check-ins a second an integrator relays while nobody wants to hear of them and
while somebody does, and how many of their events get their places; how long after a check-in was
sent its event comes out of a stream; how long it takes until every device of a fleet that fell
silent at once is announced to be offline.
"""

import argparse
import asyncio
import json
import time
from statistics import quantiles

import asyncpg
import httpx
import uvloop

from bench.fleet import BODY, Fleet, every, fill, prepare
from bench.load import Client, client, pace
from bench.meter import between, until
from bench.product import Place, Product, database, serving
from bench.relay import GROUP, relay, relayed_by
from partner_api.kernel.ids import format_client_id
from partner_api.surfaces.partner.agent import CHECK_INS

_RATE = 100.0
# Longer than the sweep takes to see every device: it knows when they will have been silent.
_IN_A_MOMENT_SECONDS = 75.0
_PATIENCE_SECONDS = 300.0


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with database() as place, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(place, options))


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, organizations=100)
    print(f"Filling in {fleet.devices:,} devices …", flush=True)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    owner = await asyncpg.connect(place.databases.require_owner())
    with serving(place) as product:
        async with client(product.url, 16) as ask:
            await _write(product, ask, fleet, owner, options.seconds)
            await _listen(product, ask, fleet, options.seconds)
            await _fall_silent(product, fleet, owner)
    await owner.close()


Owner = asyncpg.Connection


async def _write(product: Product, ask: Client, fleet: Fleet, owner: Owner, seconds: float) -> None:
    token = product.access_token(fleet)
    devices = every(fleet, 20_000)
    requests = [
        relayed_by(ask, fleet, token, devices[start : start + GROUP])
        for start in range(0, len(devices), GROUP)
    ]
    await relay(ask, requests, seconds)
    for heard in (False, True):
        if heard:
            await ask.ask(ask.request("GET", "/v1/events?types=device.checkin&limit=1", token))
        meter, began = product.meter(), time.perf_counter()
        before = await meter.read()
        taken = await relay(ask, requests, seconds)
        passed = time.perf_counter() - began
        spent = between(before, await meter.read())
        name = "heard of" if heard else "not heard of"
        server, database = spent.server / taken * 1e6, spent.database / taken * 1e6
        print(
            f"check-ins {name:<13} {taken / passed:,.0f}/s, API {server:.1f} us, "
            f"PostgreSQL {database:.1f} us",
            flush=True,
        )
    await until(owner, _IS_NUMBERED, fleet.msp_id, seconds=_PATIENCE_SECONDS)
    written, passed = taken, time.perf_counter() - began
    print(f"events in their places  {written / passed:,.0f}/s", flush=True)


async def _listen(product: Product, ask: Client, fleet: Fleet, seconds: float) -> None:
    devices = every(fleet, int(_RATE * seconds))
    sent: dict[str, float] = {}
    lags: list[float] = []
    listening = asyncio.Event()
    listener = asyncio.create_task(_stream(product, fleet, sent, lags, listening, len(devices)))
    await listening.wait()

    def check_in(n: int) -> bytes:
        device = devices[n % len(devices)]
        sent[format_client_id(fleet.client_id(device))] = time.perf_counter()
        return ask.request("POST", CHECK_INS, fleet.token(device), BODY)

    tally = await pace(ask, check_in, rate=_RATE, seconds=seconds)
    await asyncio.wait_for(listener, _PATIENCE_SECONDS)
    cuts = quantiles(lags, n=100)
    print(f"check-in until answered p50 {tally.percentile_ms(0.5):.1f} ms")
    print(f"check-in until streamed p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms")


async def _stream(
    product: Product,
    fleet: Fleet,
    sent: dict[str, float],
    lags: list[float],
    listening: asyncio.Event,
    count: int,
) -> None:
    fields = {"Authorization": f"Bearer {product.access_token(fleet)}"}
    url = f"{product.url}/v1/events/stream?types=device.checkin"
    async with (
        httpx.AsyncClient(timeout=60) as http,
        http.stream("GET", url, headers=fields) as answer,
    ):
        listening.set()
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data:"))
                lags.append(time.perf_counter() - sent[event["data"]["device"]["clientId"]])
                if len(lags) == count:
                    return


async def _fall_silent(product: Product, fleet: Fleet, owner: Owner) -> None:
    async with owner.transaction():
        # The server came just now, after which devices have their whole time to be seen.
        await owner.execute("update server_presence set resumed_at = null")
        await owner.execute(_SILENCE, fleet.msp_id, _IN_A_MOMENT_SECONDS)
        await owner.execute(_COUNT, fleet.msp_id)
    meter = product.meter()
    before = await meter.read()
    await asyncio.sleep(_IN_A_MOMENT_SECONDS)
    began = time.perf_counter()
    await until(owner, _ARE_ANNOUNCED, fleet.msp_id, fleet.devices, seconds=_PATIENCE_SECONDS)
    passed = time.perf_counter() - began
    spent = between(before, await meter.read())
    print(
        f"{fleet.devices:,} fell silent, announced in {passed:.1f} s, "
        f"PostgreSQL {spent.database / fleet.devices * 1e6:.0f} us a device"
    )


_COUNT = """
    update organization_counters
       set idle_current = idle_current + streaming_current, streaming_current = 0
     where msp_id = $1"""
_IS_NUMBERED = "select not exists (select from event_inbox where msp_id = $1)"
_SILENCE = """
    update devices
       set last_seen = date_trunc('milliseconds', now())
                       - interval '1 hour' + make_interval(secs => $2),
           stage = 1, stage_since = now() - interval '50 minutes'
     where msp_id = $1"""
_ARE_ANNOUNCED = """
    select count(*) >= $2 from events where msp_id = $1 and type = 'device.offline'"""


if __name__ == "__main__":
    main()
