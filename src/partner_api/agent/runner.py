"""The agent at work: observes on the server's interval, delivers when the server lets it."""

import asyncio
from random import Random

from partner_api.agent.answers import Receipt
from partner_api.agent.clock import DeviceClock
from partner_api.agent.courier import (
    Courier,
    Lesser,
    without_sample,
    written_check_in,
    written_log_line,
)
from partner_api.agent.journal import Announce, Journal
from partner_api.agent.measuring.measurer import LEAD_SECONDS, Measurer
from partner_api.agent.patience import Patience, Sleep
from partner_api.agent.server import Items, Server
from partner_api.agent.spool import Content, Spool

# What a server can be set to ask for: a wrong answer must neither flood it nor silence us.
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 1, 3600

ONCE_SECONDS = 10.0
"""How long an agent that checks in once measures before it does."""


class Agent:
    """Checks in for one device. Whatever ends it, what was not answered is still in the spool."""

    def __init__(
        self,
        spool: Spool,
        server: Server,
        facts: Content,
        interval_seconds: int,
        announce: Announce,
        *,
        clock: DeviceClock,
        random: Random,
        sleep: Sleep,
        measurer: Measurer | None = None,
    ) -> None:
        self._spool = spool
        self._server = server
        self._facts = facts
        self._interval = _believable(interval_seconds)
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._measurer = measurer
        self._journal = Journal(spool.log_lines, clock, announce)
        self._patience = Patience(self._journal, clock, random, sleep)
        self._check_ins = Courier(
            spool.check_ins,
            written_check_in,
            self._post_check_ins,
            clock,
            self._lost_check_ins,
            Lesser(without_sample, self._unmeasured),
        )
        self._log_lines = Courier(
            spool.log_lines, written_log_line, server.add_log_lines, clock, self._lost_log_lines
        )
        self._observed = asyncio.Event()
        self._reached = asyncio.Event()

    async def run_once(self) -> None:
        """Check in and deliver what waits; Unauthenticated, Unavailable."""
        if self._measurer is not None:
            await self._measurer.measure(ONCE_SECONDS)
        self._observe()
        await self._check_ins.deliver()
        self._tell_of_dropped()
        await self._log_lines.deliver()

    async def run(self) -> None:
        """Check in until cancelled; Unauthenticated."""
        self._journal.info("The agent started", agentVersion=self._facts["currentVersion"])
        # A fleet that is switched on as one must not arrive as one.
        await self._pause(self._random.uniform(0, self._interval))
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._keep_observing, self._keep_checking_in, self._keep_logging):
                    tasks.create_task(work())
        except ExceptionGroup as failed:
            # What ended the first has ended the others with it.
            raise failed.exceptions[0] from None

    async def _keep_observing(self) -> None:
        while True:
            self._observe()
            self._observed.set()
            await self._pause(self._interval)

    async def _pause(self, seconds: float) -> None:
        if self._measurer is None:
            await self._sleep(seconds)
            return
        lead = min(LEAD_SECONDS, seconds)
        await self._sleep(seconds - lead)
        self._measurer.start()
        # The check-in does not wait for it: what comes too late goes with the next one.
        await self._sleep(lead)

    async def _keep_checking_in(self) -> None:
        while True:
            await self._observed.wait()
            self._observed.clear()
            await self._patience.deliver(self._check_ins)
            self._tell_of_dropped()
            self._reached.set()

    async def _keep_logging(self) -> None:
        # By itself, so that trouble with log lines delays no check-in.
        while True:
            await self._reached.wait()
            self._reached.clear()
            await self._patience.deliver(self._log_lines)

    def _observe(self) -> None:
        measured = {} if self._measurer is None else self._measurer.take()
        self._spool.check_ins.add({**self._facts, **measured}, self._clock.now())

    async def _post_check_ins(self, items: Items) -> Receipt:
        receipt = await self._server.check_in(items)
        asked = receipt.check_in_interval_seconds
        if asked is not None:
            self._interval = _believable(asked)
        return receipt

    def _tell_of_dropped(self) -> None:
        for queue in (self._spool.check_ins, self._spool.log_lines):
            count = queue.dropped()
            if count:
                self._journal.warn(
                    f"The spool was full: dropped the {count} oldest {queue.what}", dropped=count
                )
                queue.forget_dropped(count)

    def _lost_check_ins(self, count: int, reason: str) -> None:
        message = f"The server refused {count} check-ins, which are dropped: {reason}"
        self._journal.warn(message, dropped=count)

    def _unmeasured(self, count: int, reason: str) -> None:
        what = f"{count} check-ins, which are sent again without what was measured"
        self._journal.say(f"The server refused {what}: {reason}")

    def _lost_log_lines(self, count: int, reason: str) -> None:
        # Not as a log line: the server would refuse that for the same reason, and so on.
        self._journal.say(f"The server refused {count} log lines, which are dropped: {reason}")


def _believable(interval_seconds: int) -> int:
    return min(max(interval_seconds, _SHORTEST_INTERVAL), _LONGEST_INTERVAL)
