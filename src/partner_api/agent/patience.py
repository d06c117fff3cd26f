"""Delivery that outlasts a server's absence, and says so once."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from partner_api.agent.backoff import Backoff
from partner_api.agent.clock import DeviceClock
from partner_api.agent.courier import Courier
from partner_api.agent.journal import Journal
from partner_api.kernel.errors import Unavailable

Sleep = Callable[[float], Awaitable[None]]


class Patience:
    """Tries again until a courier has delivered, however long that takes."""

    def __init__(
        self, journal: Journal, clock: DeviceClock, random: Random, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._random = random
        self._sleep = sleep

    async def deliver(self, courier: Courier) -> None:
        """Return when all that waited is delivered; Unauthenticated."""
        failed_at = await self._deliver(courier)
        if failed_at is not None:
            seconds = round(self._clock.now().ticks - failed_at)
            self._journal.info(f"Recovered after an outage of {seconds} s", outageSeconds=seconds)

    async def _deliver(self, courier: Courier) -> float | None:
        backoff = Backoff(self._random)
        failed_at = None
        while True:
            try:
                await courier.deliver()
            except Unavailable as away:
                if failed_at is None:
                    failed_at = self._clock.now().ticks
                    self._journal.say(f"{away.message}; what is not delivered is kept")
                await self._sleep(backoff.next_pause(away.retry_after_seconds))
            else:
                return failed_at
