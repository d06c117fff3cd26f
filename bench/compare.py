"""Single check-ins beside a yardstick: `make bench-compare REFERENCE=http://127.0.0.1:8099`.

The yardstick is any server that answers POST /checkin/batch with a check-in's JSON written to the
same PostgreSQL. This program makes a database, says how to reach it, waits until REFERENCE
answers, and lets both servers take 64 connections in turn.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from bench.fleet import BODY, Fleet, every, fill, prepare
from bench.meter import Meter
from bench.product import Place, Product, database, serving
from bench.rounds import Contestant, Round, alternate, ratio
from bench.wrk import Request, write_requests
from partner_api.surfaces.partner.agent import CHECK_INS

_WAIT_SECONDS = 600.0
_REFERENCE_BODY = (
    '{{"clientId":"00000000-0000-4000-8000-{:012x}","currentVersion":"1.0.5.42",'
    '"os":"linux","osVersion":"6.1"}}'
)


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", required=True, help="URL of the yardstick")
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    with database() as place:
        asyncio.run(_compare(place, options))


async def _compare(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, organizations=1000)
    print(f"Filling in {fleet.devices:,} devices …", flush=True)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    await place.checkpoint()
    with serving(place) as product:
        reference = _reference(place, options)
        rounds = await alternate(
            [reference, _product(product, fleet)],
            rounds=options.rounds,
            seconds=options.seconds,
            connections=options.connections,
        )
    _report(*rounds)


def _reference(place: Place, options: argparse.Namespace) -> Contestant:
    print(f"Start the yardstick now, with\n  DATABASE_URL='{place.admin_url}'", flush=True)
    _await(f"{options.reference}/ping")
    port = urlsplit(options.reference).port
    listeners = {
        each.pid
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and tuple(each.laddr)[1:] == (port,)
    }
    meter = Meter(
        [psutil.Process(pid) for pid in listeners if pid],
        place.postmaster,
        place.databases.require_owner(),
    )
    requests = (
        Request("POST", "/checkin/batch", body=_REFERENCE_BODY.format(n))
        for n in range(options.devices)
    )
    file = write_requests(place.data_dir.with_name("reference.txt"), requests)
    return Contestant("reference", options.reference, file, meter)


def _product(product: Product, fleet: Fleet) -> Contestant:
    file = check_in_requests(product.place.data_dir.with_name("product.txt"), fleet, fleet.devices)
    return Contestant("single check-ins", product.url, file, product.meter())


def check_in_requests(path: Path, fleet: Fleet, count: int) -> Path:
    """A file with one check-in of each of so many devices."""
    body = BODY.decode()
    return write_requests(
        path,
        (Request("POST", CHECK_INS, f"Bearer {fleet.token(n)}", body) for n in every(fleet, count)),
    )


def _await(url: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit(f"{url} does not answer")


def _report(reference: Sequence[Round], product: Sequence[Round]) -> None:
    print(f"check-ins/s           {ratio(product, reference, lambda r: r.load.rate):.2f}")
    print(f"p99                   {ratio(product, reference, lambda r: r.load.p99_ms):.2f}")
    print(f"server CPU            {ratio(product, reference, lambda r: r.server_us):.2f}")
    print(f"database CPU          {ratio(product, reference, lambda r: r.database_us):.2f}")


if __name__ == "__main__":
    main()
