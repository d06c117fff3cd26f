"""The worker processes: what must happen although nobody asks for it.

One sweeps, over a connection of its own: `python -m partner_api.worker sweep`. One gives events
their places: `python -m partner_api.worker events`. One delivers them to webhooks:
`python -m partner_api.worker webhooks`. One digests what devices sent:
`python -m partner_api.worker telemetry`. The fifth keeps partitions, lets devices follow releases
and settings, and counts anew once an hour: `python -m partner_api.worker chores`. The supervisor
starts them all, with every setting in the environment.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import asyncpg
import uvloop

from partner_api.config import Settings
from partner_api.database.partitions import maintain_partitions
from partner_api.database.pools import acquired, create_pool
from partner_api.database.revisions import check_revision
from partner_api.database.roles import Role, check_login
from partner_api.events.numbering import Numberer
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.kernel.clock import Clock, SystemClock
from partner_api.kernel.errors import PartnerApiError, Unavailable
from partner_api.operations.lifeline import end_with_parent, until_signalled
from partner_api.operations.logging import LogFormat, configure_logging
from partner_api.sweep.followers import Followers
from partner_api.sweep.recount import recount
from partner_api.sweep.sweeper import Sweeper
from partner_api.telemetry.counting import CheckInCounter
from partner_api.telemetry.digest import Digester
from partner_api.tenancy.grouping import Grouping, find_grouping

_SWEEP_SECONDS = 0.5
_NUMBER_SECONDS = 0.05
_FOLLOW_SECONDS = 1.0
_BACKLOG_SECONDS = 1.0
# Each time an organization's hour is written anew, however little there is to count.
_COUNT_SECONDS = 10.0
# Samples of a second or so together cost less than one by one.
_DIGEST_SECONDS = 1.5
_PARTITIONS_SECONDS = 600.0
_RECOUNT_SECONDS = 3600.0
_RETRY_SECONDS = 1.0

_logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


async def sweep(settings: Settings, clock: Clock) -> None:
    """Sweep until cancelled; Misconfigured for a login that could see more."""
    worker_url = settings.external_databases().worker
    grouping = await _patiently(lambda: find_grouping(worker_url))
    plans = {**PLAN_SETTINGS, **grouping.plan_settings}
    async with await create_pool(worker_url, size=1, settings=plans) as pool:
        while True:
            try:
                await _sweep(pool, clock, grouping)
            except Unavailable as error:
                _logger.warning("%s", error)
                await asyncio.sleep(_RETRY_SECONDS)


async def number_events(settings: Settings, clock: Clock) -> None:
    """Number events until cancelled; Misconfigured for a login that could see more."""
    worker_url = settings.external_databases().worker
    grouping = await _patiently(lambda: find_grouping(worker_url))
    plans = {**PLAN_SETTINGS, **grouping.plan_settings}
    async with await create_pool(worker_url, size=1, settings=plans) as pool:
        while True:
            try:
                await _number(pool, clock)
            except Unavailable as error:
                _logger.warning("%s", error)
                await asyncio.sleep(_RETRY_SECONDS)


async def deliver(settings: Settings, clock: Clock) -> None:
    """Deliver to webhooks until cancelled; Misconfigured for a login that could see more."""
    worker_url = settings.external_databases().worker
    grouping = await _patiently(lambda: find_grouping(worker_url))
    if grouping.is_one_tenant:
        _logger.warning("Webhooks are not delivered from a distributed database")
        await asyncio.Event().wait()
    # What a crash of the database undoes here is done again: a message is sent once more.
    session = {**PLAN_SETTINGS, **grouping.plan_settings, "synchronous_commit": "off"}
    # One each to claim, to settle and for the backlog.
    async with await create_pool(worker_url, size=3, settings=session) as pool:
        await _patiently(lambda: _check(pool))
        # Half of what a worker would load, and no other kind needs it.
        from partner_api.deliverer import open_deliverer  # noqa: PLC0415

        async with (
            open_deliverer(settings, pool, clock) as (deliverer, backlog),
            asyncio.TaskGroup() as both,
        ):

            async def work_off() -> None:
                while await backlog.work():
                    """There is more to do at once."""

            both.create_task(deliverer.run())
            both.create_task(_repeat(work_off, _BACKLOG_SECONDS))


async def digest(settings: Settings, clock: Clock) -> None:
    """Digest what devices sent until cancelled; Misconfigured for a login that could see more."""
    worker_url = settings.external_databases().worker
    grouping = await _patiently(lambda: find_grouping(worker_url))
    plans = {**PLAN_SETTINGS, **grouping.plan_settings}
    # A connection of its own for what leads by it.
    counting = await create_pool(worker_url, size=1, settings=plans)
    digesting = await create_pool(worker_url, size=1, settings=plans)
    async with counting, digesting:
        await _patiently(lambda: _check(counting))
        async with asyncio.TaskGroup() as chores:
            chores.create_task(_repeat(CheckInCounter(counting, clock).count, _COUNT_SECONDS))
            if grouping.is_one_tenant:
                _logger.warning("Samples are not kept in a distributed database")
            else:
                chores.create_task(_repeat(lambda: _digest(digesting, clock), _RETRY_SECONDS))


async def do_chores(settings: Settings, clock: Clock) -> None:
    """Do everything else until cancelled; Misconfigured for a login that could see more."""
    worker_url = settings.external_databases().worker
    grouping = await _patiently(lambda: find_grouping(worker_url))
    plans = {**PLAN_SETTINGS, **grouping.plan_settings}
    async with await create_pool(worker_url, size=3, settings=plans) as pool:
        followers = Followers(pool, clock)
        async with asyncio.TaskGroup() as chores:
            chores.create_task(_repeat(lambda: _keep_partitions(pool, clock), _PARTITIONS_SECONDS))
            chores.create_task(_repeat(followers.work, _FOLLOW_SECONDS))
            chores.create_task(_repeat(lambda: _recount(pool), _RECOUNT_SECONDS))


async def _patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """What the database answers, however long it is away."""
    while True:
        try:
            return await ask()
        except Unavailable as error:
            _logger.warning("%s", error)
            await asyncio.sleep(_RETRY_SECONDS)


async def _sweep(pool: asyncpg.Pool, clock: Clock, grouping: Grouping) -> None:
    async with acquired(pool) as connection:
        await check_login(connection, Role.WORKER)
        await check_revision(connection)
        sweeper = Sweeper(connection, clock, grouping)
        while True:
            # Asked each time: the lock is ours as long as this connection lives, or not yet.
            if await sweeper.lead():
                await sweeper.sweep()
            await asyncio.sleep(_SWEEP_SECONDS)


async def _number(pool: asyncpg.Pool, clock: Clock) -> None:
    async with acquired(pool) as connection:
        await check_login(connection, Role.WORKER)
        await check_revision(connection)
        numberer = Numberer(connection, clock)
        while True:
            # At once again while there is more than one turn's worth.
            if not await numberer.number():
                await asyncio.sleep(_NUMBER_SECONDS)


async def _digest(pool: asyncpg.Pool, clock: Clock) -> None:
    """For as long as the connection lives; Unavailable."""
    async with acquired(pool) as connection:
        digester = Digester(connection, clock)
        kept_at = -_PARTITIONS_SECONDS
        while True:
            # Whoever else keeps partitions may come later than the first sample.
            if time.monotonic() - kept_at >= _PARTITIONS_SECONDS:
                await maintain_partitions(connection, clock.now())
                kept_at = time.monotonic()
            # Asked each time: the lock is ours as long as this connection lives, or not yet.
            if not await digester.lead() or not await digester.work():
                await asyncio.sleep(_DIGEST_SECONDS)


async def _check(pool: asyncpg.Pool) -> None:
    async with acquired(pool) as connection:
        await check_login(connection, Role.WORKER)
        await check_revision(connection)


async def _repeat(chore: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        try:
            await chore()
        except Unavailable as error:
            _logger.warning("%s", error)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            await asyncio.sleep(seconds)


async def _keep_partitions(pool: asyncpg.Pool, clock: Clock) -> None:
    async with acquired(pool) as connection:
        await check_login(connection, Role.WORKER)
        await check_revision(connection)
        await maintain_partitions(connection, clock.now())


async def _recount(pool: asyncpg.Pool) -> None:
    if wrong := await recount(pool):
        _logger.error("The counters of %d organizations were wrong and are mended", wrong)


_WORK: Mapping[str, Callable[[Settings, Clock], Awaitable[None]]] = {
    "sweep": sweep,
    "events": number_events,
    "webhooks": deliver,
    "telemetry": digest,
    "chores": do_chores,
}


async def _work(kind: str, settings: Settings) -> None:
    await _WORK[kind](settings, SystemClock())


def main() -> None:
    """One of the supervisor's children; its argument names the work."""
    end_with_parent()
    configure_logging()
    try:
        settings = Settings.from_environment()
        configure_logging(LogFormat(settings.log_format))
        work = _work(sys.argv[1], settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(until_signalled(work))
    except* PartnerApiError as group:
        for error in group.exceptions:
            _logger.error("%s", error)
        sys.exit(2)


if __name__ == "__main__":
    main()
