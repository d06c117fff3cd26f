"""Events on their way to webhooks: `make bench-webhooks EVENTS=20000`.

Printed: how many events a second get their places while nobody hears of them and while ten webhooks
of each MSP do; how many deliveries a second a worker makes to a hundred webhooks whose receiver
answers at once, and the processor time of worker and PostgreSQL for each.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from uuid import UUID

import asyncpg
import psutil
import uvloop

from bench.fleet import prepare
from bench.meter import Meter, Spent, between, until
from bench.product import Place, database
from partner_api.config import Databases, Settings, parse_secret_keys
from partner_api.database.pools import acquired, create_pool
from partner_api.events.numbering import Numberer
from partner_api.events.types import EventType
from partner_api.kernel.clock import SystemClock
from partner_api.kernel.ids import MspId, uuid7
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.signing import new_signing_secret
from partner_api.worker import deliver

MSPS = 10
WEBHOOKS_EACH = 10
DEVICES_EACH = 1000
_PATIENCE_SECONDS = 300.0
_ANSWER = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
_DEVICE = {
    "orgId": str(UUID(int=1)),
    "currentVersion": "1.0.5.42",
    "os": "linux",
    "arch": "x86_64",
    "channel": "stable",
    "lastSeen": "2026-02-24T11:55:00Z",
    "checkInCount": 42,
    "assetId": "bench",
    "state": 0,
}


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    options = parser.parse_args()
    with (
        _receiver() as port,
        database() as place,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_measure(place, port, options.events))


async def _measure(place: Place, port: int, events: int) -> None:
    await prepare(place.databases)
    settings = _settings(place.databases)
    owner = await asyncpg.connect(place.databases.require_owner())
    msp_ids = [MspId(uuid7(datetime.now(UTC))) for _ in range(MSPS)]
    await _number(place, owner, msp_ids, events, "nobody hears of")
    await _add_webhooks(owner, settings, msp_ids, port)
    await _number(place, owner, msp_ids, events // WEBHOOKS_EACH, "ten hear of")
    await _deliver(place, owner, settings)
    await owner.close()


async def _number(
    place: Place, owner: asyncpg.Connection, msp_ids: Sequence[MspId], events: int, name: str
) -> None:
    data = json.dumps({"device": _DEVICE})
    for msp_id in msp_ids:
        await owner.execute(_WRITE, msp_id, datetime.now(UTC), events // MSPS, DEVICES_EACH, data)
    meter = Meter([], place.postmaster, place.databases.require_owner())
    async with (
        await create_pool(place.databases.worker, size=1) as pool,
        acquired(pool) as connection,
    ):
        numberer = Numberer(connection, SystemClock())
        before, began, numbered = await meter.read(), time.perf_counter(), 0
        while more := await numberer.number():
            numbered += more
        passed, spent = time.perf_counter() - began, between(before, await meter.read())
    print(
        f"events {name:<15} {numbered / passed:,.0f}/s get their places, "
        f"PostgreSQL {spent.database / numbered * 1e6:.0f} us each",
        flush=True,
    )


async def _deliver(place: Place, owner: asyncpg.Connection, settings: Settings) -> None:
    queued: int = await owner.fetchval("select count(*) from webhook_outbox")
    meter = Meter([psutil.Process()], place.postmaster, place.databases.require_owner())
    before, began = await meter.read(), time.perf_counter()
    delivering = asyncio.create_task(deliver(settings, SystemClock()))
    await until(owner, _IS_DELIVERED, seconds=_PATIENCE_SECONDS)
    passed, spent = time.perf_counter() - began, between(before, await meter.read())
    delivering.cancel()
    await asyncio.wait([delivering])
    failed = await owner.fetchval(_FAILED)
    print(
        f"deliveries {queued / passed:,.0f}/s, {_costs(spent, queued)}; {failed} of {queued} failed"
    )


def _costs(spent: Spent, deliveries: int) -> str:
    worker, postgres = (seconds / deliveries * 1e6 for seconds in (spent.server, spent.database))
    return (
        f"worker {worker:.0f} us, PostgreSQL {postgres:.0f} us, log {spent.wal / deliveries:.0f} B"
    )


async def _add_webhooks(
    owner: asyncpg.Connection, settings: Settings, msp_ids: Sequence[MspId], port: int
) -> None:
    assert settings.secret_keys is not None
    sealer = Sealer(parse_secret_keys(settings.secret_keys.get_secret_value()))
    for msp_id in msp_ids:
        for n in range(WEBHOOKS_EACH):
            webhook_id = uuid7(datetime.now(UTC))
            sealed = sealer.seal(new_signing_secret(), msp_id, webhook_id)
            url = f"http://127.0.0.1:{port}/{n}"
            await owner.execute(_WEBHOOK, msp_id, webhook_id, url, list(EventType), sealed)


def _settings(databases: Databases) -> Settings:
    return Settings.model_validate(
        {
            "database_url": databases.api,
            "ingest_url": databases.ingest,
            "worker_url": databases.worker,
            "secret_keys": f"bench:{base64.b64encode(os.urandom(32)).decode()}",
            "webhook_allow_http": True,
            "webhook_allowed_networks": "127.0.0.0/8",
        }
    )


@contextmanager
def _receiver() -> Iterator[int]:
    """A process that answers every request at once; its processor time is not measured."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _receive(port: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        await reader.readexactly(int(length.split(b":")[1]))
        writer.write(_ANSWER)
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


_WRITE = """
    insert into event_inbox (msp_id, type, happened_at, org_id, client_id, data)
    select $1, 'device.status_changed', $2, $1, md5((n % $4)::text)::uuid,
           $5::jsonb || '{"previous": {"state": 2}}'
      from generate_series(1, $3::integer) n"""
_WEBHOOK = """
    insert into webhooks (msp_id, webhook_id, url, events, is_enabled, sealed_secret, created_at)
    values ($1, $2, $3, $4, true, $5, now())"""
_IS_DELIVERED = "select not exists (select from webhook_outbox)"
_FAILED = "select count(*) from webhook_deliveries where not is_delivered"


if __name__ == "__main__":
    main()
