"""The worker's work in a test: done at the stopped clock's instant, when it is asked for."""

from datetime import datetime

import asyncpg
from starlette.types import ASGIApp, Receive, Scope, Send

from partner_api.database.pools import acquired
from partner_api.kernel.clock import Clock
from partner_api.sweep.followers import Followers
from partner_api.sweep.recount import recount
from partner_api.sweep.sweeper import Sweeper
from partner_api.telemetry.counting import CheckInCounter
from partner_api.telemetry.digest import Digester


class Worker:
    """Sweeps, digests what devices sent, and lets them follow releases and settings."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._idle_since: datetime | None = None
        self.is_away = False

    async def work(self) -> None:
        """Everything there is to do by now; from scratch, since tests turn the clock back."""
        await self.follow()
        await self.count()
        async with acquired(self._pool) as connection:
            await Sweeper(connection, self._clock).sweep()
            while await Digester(connection, self._clock).work():
                """There is more to do at once."""

    async def count(self) -> None:
        """Count the check-ins that were taken."""
        await CheckInCounter(self._pool, self._clock).count()

    async def recount(self) -> int:
        """Mend what was written past the functions that keep count."""
        return await recount(self._pool)

    async def follow(self) -> None:
        """Let devices follow what was published or changed."""
        await Followers(self._pool, self._clock).work()

    def before_reads(self, app: ASGIApp) -> ASGIApp:
        """An application that finds the work done whenever it answers a GET."""

        async def worked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("method") not in ("GET", "HEAD"):
                self._idle_since = None
            elif not self.is_away:
                # Releases are published past the application, so these are always looked for.
                await (self.follow() if self._idle_since == self._clock.now() else self.work())
                self._idle_since = self._clock.now()
            await app(scope, receive, send)

        return worked
