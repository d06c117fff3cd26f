"""The worker process: what must happen although nobody asks for it.

Its one loop so far keeps the log partitions: a week ahead, thirty full days back. The supervisor
starts it as `python -m partner_api.worker`, with every setting in the environment.
"""

import asyncio
import logging
import sys

import asyncpg
import uvloop

from partner_api.config import Settings
from partner_api.database.migrations import check_revision
from partner_api.database.partitions import maintain_partitions
from partner_api.database.pools import acquired, create_pool
from partner_api.database.roles import Role, check_login
from partner_api.kernel.clock import Clock, SystemClock
from partner_api.kernel.errors import PartnerApiError, Unavailable
from partner_api.operations.lifeline import end_with_parent, until_signalled
from partner_api.operations.logging import LogFormat, configure_logging

_ROUND_SECONDS = 600.0
_RETRY_SECONDS = 2.0

_logger = logging.getLogger(__name__)


async def work(worker_url: str, clock: Clock) -> None:
    """Run the loop until cancelled; Misconfigured for a login that could see more."""
    async with await create_pool(worker_url, size=1) as pool:
        while True:
            pause = await _round(pool, clock)
            await asyncio.sleep(pause)


async def _round(pool: asyncpg.Pool, clock: Clock) -> float:
    try:
        async with acquired(pool) as connection:
            await check_login(connection, Role.WORKER)
            await check_revision(connection)
            await maintain_partitions(connection, clock.now())
    except Unavailable as error:
        _logger.warning("%s", error)
        return _RETRY_SECONDS
    return _ROUND_SECONDS


def run(worker_url: str) -> None:
    """Work until told to stop, where no event loop runs yet."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signalled(work(worker_url, SystemClock())))


def main() -> None:
    """The supervisor's child."""
    end_with_parent()
    configure_logging()
    try:
        settings = Settings.from_environment()
        configure_logging(LogFormat(settings.log_format))
        run(settings.external_databases().worker)
    except PartnerApiError as error:
        _logger.error("%s", error)
        sys.exit(2)


if __name__ == "__main__":
    main()
