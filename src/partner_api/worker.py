"""The worker processes: what must happen although nobody asks for it.

One sweeps, over a connection of its own: `python -m partner_api.worker sweep`. One gives events
their places: `python -m partner_api.worker events`. The third keeps partitions, lets devices follow
releases and settings, and counts anew once an hour: `python -m partner_api.worker chores`. The
supervisor starts them all, with every setting in the environment.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import uvloop

from partner_api.config import Settings
from partner_api.database.migrations import check_revision
from partner_api.database.partitions import maintain_partitions
from partner_api.database.pools import acquired, create_pool
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
from partner_api.tenancy.grouping import Grouping, find_grouping

_SWEEP_SECONDS = 0.5
_NUMBER_SECONDS = 0.05
_FOLLOW_SECONDS = 1.0
_PARTITIONS_SECONDS = 600.0
_RECOUNT_SECONDS = 3600.0
_RETRY_SECONDS = 1.0

_logger = logging.getLogger(__name__)


async def sweep(worker_url: str, clock: Clock) -> None:
    """Sweep until cancelled; Misconfigured for a login that could see more."""
    grouping = await _grouping(worker_url)
    settings = {**PLAN_SETTINGS, **grouping.plan_settings}
    async with await create_pool(worker_url, size=1, settings=settings) as pool:
        while True:
            try:
                await _sweep(pool, clock, grouping)
            except Unavailable as error:
                _logger.warning("%s", error)
                await asyncio.sleep(_RETRY_SECONDS)


async def number_events(worker_url: str, clock: Clock) -> None:
    """Number events until cancelled; Misconfigured for a login that could see more."""
    async with await create_pool(worker_url, size=1) as pool:
        while True:
            try:
                await _number(pool, clock)
            except Unavailable as error:
                _logger.warning("%s", error)
                await asyncio.sleep(_RETRY_SECONDS)


async def do_chores(worker_url: str, clock: Clock) -> None:
    """Do everything else until cancelled; Misconfigured for a login that could see more."""
    settings = {**PLAN_SETTINGS, **(await _grouping(worker_url)).plan_settings}
    async with await create_pool(worker_url, size=3, settings=settings) as pool:
        followers = Followers(pool, clock)
        async with asyncio.TaskGroup() as chores:
            chores.create_task(_repeat(lambda: _keep_partitions(pool, clock), _PARTITIONS_SECONDS))
            chores.create_task(_repeat(followers.work, _FOLLOW_SECONDS))
            chores.create_task(_repeat(lambda: _recount(pool), _RECOUNT_SECONDS))


async def _grouping(worker_url: str) -> Grouping:
    while True:
        try:
            return await find_grouping(worker_url)
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


_WORK: Mapping[str, Callable[[str, Clock], Awaitable[None]]] = {
    "sweep": sweep,
    "events": number_events,
    "chores": do_chores,
}


async def _work(kind: str, worker_url: str) -> None:
    await _WORK[kind](worker_url, SystemClock())


def main() -> None:
    """One of the supervisor's children; its argument names the work."""
    end_with_parent()
    configure_logging()
    try:
        settings = Settings.from_environment()
        configure_logging(LogFormat(settings.log_format))
        work = _work(sys.argv[1], settings.external_databases().worker)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(until_signalled(work))
    except* PartnerApiError as group:
        for error in group.exceptions:
            _logger.error("%s", error)
        sys.exit(2)


if __name__ == "__main__":
    main()
