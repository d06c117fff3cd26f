"""An API process: builds everything, mounts the surfaces, serves until told to stop.

The supervisor starts it as `python -m partner_api.app FD`, with a listening socket at that file
descriptor and every setting in the environment.
"""

import asyncio
import gc
import logging
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
import uvicorn
import uvloop
from starlette.types import ASGIApp

from partner_api.config import (
    Databases,
    SecretKey,
    Settings,
    deployed_revision,
    parse_secret_keys,
)
from partner_api.database.disk_space import DiskSpace
from partner_api.database.engine import create_engine
from partner_api.database.pools import ACQUIRE_SECONDS, acquired, create_pool
from partner_api.database.readiness import Readiness
from partner_api.database.revisions import check_revision
from partner_api.database.roles import Role, check_login
from partner_api.events.feed import EventFeed
from partner_api.events.interests import Interests
from partner_api.events.log import Events
from partner_api.events.presence import Presence
from partner_api.fleet.counts import Counts
from partner_api.fleet.devices import Devices
from partner_api.fleet.organizations import Organizations
from partner_api.history.service import History
from partner_api.http_protocol import BoundedHttpProtocol
from partner_api.identity.guessing import GuessDelay
from partner_api.identity.liveness import CredentialLiveness
from partner_api.identity.service import Identity
from partner_api.identity.tokens import AccessTokens
from partner_api.ingest.check_ins import PLAN_SETTINGS, CheckIns
from partner_api.ingest.log_lines import LogLines
from partner_api.ingest.relay import Relay
from partner_api.kernel.buckets import Buckets
from partner_api.kernel.clock import Clock, SystemClock
from partner_api.kernel.errors import PartnerApiError, Unavailable
from partner_api.kernel.fairness import FairGate
from partner_api.kernel.paging import CursorSigner
from partner_api.logs.service import Logs
from partner_api.operations.lifeline import end_with_parent
from partner_api.operations.logging import LogFormat, configure_logging
from partner_api.provisioning.enrollment import Provisioning
from partner_api.surfaces.partner.app import create_app as create_partner_app
from partner_api.surfaces.partner.services import Services
from partner_api.telemetry.analytics import Analytics
from partner_api.telemetry.gateways import Gateways
from partner_api.telemetry.history import NetworkHistories
from partner_api.telemetry.memory import slow_gate
from partner_api.telemetry.percentiles import NetworkPercentiles
from partner_api.telemetry.reports import Reports
from partner_api.tenancy.grouping import EVERY_TENANT, Grouping, find_grouping
from partner_api.tenancy.tenancy import Tenancy
from partner_api.webhooks.addresses import AllowedAddresses
from partner_api.webhooks.deliveries import Deliveries
from partner_api.webhooks.registration import Registration
from partner_api.webhooks.resolution import Resolve, Resolver, SharedResolver
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.testing import WebhookTester
from partner_api.webhooks.transport import Transport

Result = TypeVar("Result")

READ_CONNECTIONS = 8
WORK_CONNECTIONS = 8
# One each for calm, stepping and careful check-ins and for logs, two for relays.
INGEST_CONNECTIONS = 6

# What one device may log: four full requests at once, then twenty lines a second.
LOG_BURST = 2000.0
LOGS_PER_SECOND = 20.0

_WAIT_FOR_DATABASE_SECONDS = 30.0
_GRACE_SECONDS = 5
_KEEP_ALIVE_SECONDS = 65
_ALLOCATIONS_BETWEEN_COLLECTIONS = 20_000

_logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_services(
    settings: Settings, databases: Databases, ring: Sequence[SecretKey], clock: Clock
) -> AsyncIterator[Services]:
    """Everything the surfaces work with, checked at the start and closed at the end.

    Raises Misconfigured when the schema is old or a login could see more than it must, and
    Unavailable when the database does not answer in time.
    """
    grouping = await _patiently(lambda: find_grouping(databases.ingest))
    plans = {**PLAN_SETTINGS, **grouping.plan_settings}
    # One more, which listens.
    pool = await create_pool(databases.api, size=READ_CONNECTIONS + 1)
    ingest = await create_pool(databases.ingest, size=INGEST_CONNECTIONS, settings=plans)
    engine = create_engine(databases.api, size=WORK_CONNECTIONS)
    resolver = Resolver()
    try:
        await _patiently(lambda: _check(pool, ingest))
        tenancy = Tenancy(engine, pool)
        services = _services(settings, ring, clock, tenancy, pool, ingest, resolver, grouping)
        services.check_ins.start()
        services.log_lines.start()
        services.feed.start()
        try:
            yield services
        finally:
            await services.feed.stop()
            await services.check_ins.stop()
            await services.log_lines.stop()
    finally:
        await pool.close()
        await ingest.close()
        await engine.dispose()
        resolver.close()


def create_app(services: Services) -> ASGIApp:
    """Every surface; so far there is one, at the root."""
    return create_partner_app(services)


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve on a listening socket until SIGINT or SIGTERM."""
    ring = parse_secret_keys(
        settings.secret_keys.get_secret_value() if settings.secret_keys else ""
    )
    databases = settings.external_databases()
    async with open_services(settings, databases, ring, SystemClock()) as services:
        app = create_app(services)
        _collect_garbage_rarely()
        config = uvicorn.Config(
            app,
            lifespan="off",
            http=BoundedHttpProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        async with services.presence.kept():
            await _Server(config, services.feed).serve([listener])


class _Server(uvicorn.Server):
    """Ends the requests that wait for events before it waits for all to end."""

    def __init__(self, config: uvicorn.Config, feed: EventFeed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to serve."""
        self._feed.close()
        await super().shutdown(sockets)


def _services(
    settings: Settings,
    ring: Sequence[SecretKey],
    clock: Clock,
    tenancy: Tenancy,
    pool: asyncpg.Pool,
    ingest: asyncpg.Pool,
    resolve: Resolve,
    grouping: Grouping = EVERY_TENANT,
) -> Services:
    tokens = AccessTokens(ring, clock)
    cursors = CursorSigner([key.secret for key in ring])
    counts = Counts(tenancy)
    check_ins = CheckIns(ingest, clock, grouping)
    gate, slow = FairGate(READ_CONNECTIONS, ACQUIRE_SECONDS), slow_gate()
    sealer, resolver = Sealer(ring), SharedResolver(resolve)
    allowed = AllowedAddresses(settings.webhook_allow_http, settings.webhook_allowed_networks)
    log_buckets = Buckets(LOG_BURST, LOGS_PER_SECOND, time.monotonic)
    return Services(
        clock=clock,
        tenancy=tenancy,
        tokens=tokens,
        liveness=CredentialLiveness(tenancy),
        identity=Identity(tenancy, tokens, GuessDelay(), clock),
        gate=gate,
        organizations=Organizations(tenancy, counts, cursors, clock),
        devices=Devices(tenancy, counts, cursors, clock),
        history=History(tenancy, cursors, clock),
        network_histories=NetworkHistories(tenancy, clock),
        network_percentiles=NetworkPercentiles(tenancy, cursors, clock, slow),
        gateways=Gateways(tenancy, slow),
        reports=Reports(tenancy),
        analytics=Analytics(tenancy, clock, slow),
        logs=Logs(tenancy, cursors, clock),
        events=Events(tenancy, gate),
        feed=EventFeed(pool),
        interests=Interests(tenancy, gate, clock),
        presence=Presence(pool, clock),
        sealer=sealer,
        webhook_registration=Registration(allowed, resolver, grouping),
        webhook_tester=WebhookTester(Transport(allowed, resolve), resolver, sealer, clock),
        deliveries=Deliveries(tenancy, cursors),
        provisioning=Provisioning(tenancy, clock),
        check_ins=check_ins,
        log_lines=LogLines(ingest, clock, log_buckets, grouping),
        relay=Relay(ingest, tenancy, check_ins, clock),
        readiness=Readiness(pool),
        disk=DiskSpace(settings.database_disk),
        revision=deployed_revision(settings),
        public_url=settings.public_url or "http://127.0.0.1:8000",
        check_in_interval_seconds=settings.check_in_interval_seconds,
    )


def _collect_garbage_rarely() -> None:
    """What was built to serve stays; looking through it again and again only delays answers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS, 20, 20)


async def _check(pool: asyncpg.Pool, ingest: asyncpg.Pool) -> None:
    async with acquired(pool) as connection:
        await check_login(connection, Role.API)
        await check_revision(connection)
    async with acquired(ingest) as connection:
        await check_login(connection, Role.INGEST)


async def _patiently(ask: Callable[[], Awaitable[Result]]) -> Result:
    """What the database answers, when it does within half a minute; Unavailable."""
    deadline = time.monotonic() + _WAIT_FOR_DATABASE_SECONDS
    while True:
        try:
            return await ask()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


def main() -> None:
    """Serve on the socket whose file descriptor is the first argument."""
    end_with_parent()
    configure_logging()
    listener = socket.socket(fileno=int(sys.argv[1]))
    try:
        settings = Settings.from_environment()
        configure_logging(LogFormat(settings.log_format))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, listener))
    except PartnerApiError as error:
        _logger.error("%s", error)
        sys.exit(2)


if __name__ == "__main__":
    main()
