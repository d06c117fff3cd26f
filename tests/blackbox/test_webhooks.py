"""Every event reaches its receiver in order, whoever is killed meanwhile."""

import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import asyncpg

from partner_api.config import parse_secret_keys
from partner_api.database.cluster import EmbeddedCluster
from partner_api.events.types import EventType
from partner_api.kernel.ids import parse_msp_id, uuid7
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.signing import new_signing_secret
from tests.blackbox.server import Integrator, Server, wait_until
from tests.blackbox.test_faults import post_until_answered

DEVICES = 6
DELIVERING, NUMBERING = "partner_api.worker webhooks", "partner_api.worker events"
KILLED = [*[DELIVERING, NUMBERING] * 2, "partner_api.app", *[DELIVERING, NUMBERING] * 2]
KILL_EVERY_SECONDS = 0.8
REFUSED_EVERY = 25

_WEBHOOK = """
    insert into webhooks (msp_id, webhook_id, url, events, is_enabled, sealed_secret, created_at)
    values ($1, $2, $3, $4, true, $5, $6)"""
_FORGET_CLAIMS = "update webhook_outbox set due_at = $1 where is_claimed"


class Receiver:
    """Takes nearly everything, and remembers in which order it came first."""

    def __init__(self) -> None:
        self.first: dict[str, dict[str, Any]] = {}
        self.requests = 0
        self._lock = threading.Lock()

    def take(self, message_id: str, body: bytes) -> int:
        with self._lock:
            self.requests += 1
            if self.requests % REFUSED_EVERY == 0:
                return 503
            self.first.setdefault(message_id, json.loads(body))
            return 204


@contextmanager
def receiving(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(receiver.take(self.headers["webhook-id"], body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def as_owner(server: Server, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    async def connected(url: str) -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with EmbeddedCluster(server.data_dir).join() as databases:
        return asyncio.run(connected(databases.require_owner()))


def add_webhook(server: Server, integrator: Integrator, url: str) -> None:
    """One that hears of everything."""
    msp_id, now = parse_msp_id(integrator.msp["mspId"]), datetime.now(UTC)
    assert msp_id is not None
    webhook_id = uuid7(now)
    sealer = Sealer(parse_secret_keys((server.data_dir / "secret-keys").read_text()))
    sealed = sealer.seal(new_signing_secret(), msp_id, webhook_id)

    async def write(owner: asyncpg.Connection) -> None:
        await owner.execute(_WEBHOOK, msp_id, webhook_id, url, list(EventType), sealed, now)
        await owner.execute("select note_interest($1)", msp_id)

    as_owner(server, write)


def forget_claims(server: Server) -> None:
    """As if a minute had passed since the last worker died."""

    async def forget(owner: asyncpg.Connection) -> None:
        await owner.execute(_FORGET_CLAIMS, datetime.now(UTC))

    as_owner(server, forget)


def check_in_until(stop: threading.Event, url: str, headers: dict[str, str]) -> int:
    """Number check-ins from 1; returns how many were answered."""
    answered = 0
    while not stop.is_set():
        post_until_answered(url, headers, answered + 1)
        answered += 1
        time.sleep(0.02)
    return answered


def log_of(integrator: Integrator) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    path = "/v1/events?limit=500"
    while page := integrator.get(path)["data"]:
        events += page
        path = f"/v1/events?limit=500&after={page[-1]['id']}"
    return events


def by_device(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    ids = defaultdict(list)
    for event in events:
        if "device" in event["data"]:
            ids[event["data"]["device"]["clientId"]].append(event["id"])
    return dict(ids)


def test_killing_everybody_in_turn_loses_no_event_and_no_order(
    server: Server, integrator: Integrator
) -> None:
    receiver, stop = Receiver(), threading.Event()
    wait_until(lambda: bool(log_of(integrator)), 10, "the first event's place in the log")
    before = len(log_of(integrator))
    with receiving(receiver) as url, ThreadPoolExecutor(DEVICES) as pool:
        add_webhook(server, integrator, url)
        org_id = integrator.create_organization()
        devices = dict(integrator.enroll(org_id) for _ in range(DEVICES))
        answered = {
            client_id: pool.submit(check_in_until, stop, server.url, headers)
            for client_id, headers in devices.items()
        }
        for program in KILLED:
            time.sleep(KILL_EVERY_SECONDS)
            for process in server.children(program):
                process.kill()
        stop.set()
        counted = {client_id: future.result() for client_id, future in answered.items()}
        wait_until(server.is_ready, 20, "readiness after the last kill")
        wait_until(lambda: counts(log_of(integrator)) == counted, 15, "every event's place")
        events = log_of(integrator)[before:]
        wait_until(lambda: bool(server.children(DELIVERING)), 15, "a new worker")
        forget_claims(server)
        wait_until(lambda: len(receiver.first) >= len(events), 30, "every event's arrival")
    places = [int(event["id"].removeprefix("evt_")) for event in events]
    assert places == list(range(before + 1, before + 1 + len(events)))
    assert receiver.first == {event["id"]: event for event in events}
    assert by_device(list(receiver.first.values())) == by_device(events)
    assert receiver.requests > REFUSED_EVERY


def counts(events: list[dict[str, Any]]) -> dict[str, int]:
    """How many check-ins the log tells of, by device."""
    found: dict[str, int] = defaultdict(int)
    for event in events:
        if event["type"] == "device.checkin":
            found[event["data"]["device"]["clientId"]] += 1
    return dict(found)
