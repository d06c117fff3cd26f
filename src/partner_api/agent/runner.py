"""The agent at work: observes on the server's interval, delivers when the server lets it."""

import asyncio
from random import Random

from partner_api.agent.answers import Receipt
from partner_api.agent.clock import DeviceClock
from partner_api.agent.courier import Courier, written_check_in, written_log_line
from partner_api.agent.journal import Announce, Journal
from partner_api.agent.patience import Patience, Sleep
from partner_api.agent.server import Items, Server
from partner_api.agent.spool import Content, Spool

# What a server can be set to ask for: a wrong answer must neither flood it nor silence us.
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 1, 3600


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
    ) -> None:
        self._spool = spool
        self._server = server
        self._facts = facts
        self._interval = _believable(interval_seconds)
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._journal = Journal(spool.log_lines, clock, announce)
        self._patience = Patience(self._journal, clock, random, sleep)
        self._check_ins = Courier(
            spool.check_ins, written_check_in, self._post_check_ins, clock, self._lost_check_ins
        )
        self._log_lines = Courier(
            spool.log_lines, written_log_line, server.add_log_lines, clock, self._lost_log_lines
        )
        self._observed = asyncio.Event()
        self._reached = asyncio.Event()

    async def run_once(self) -> None:
        """Check in and deliver what waits; Unauthenticated, Unavailable."""
        self._observe()
        await self._check_ins.deliver()
        self._tell_of_dropped()
        await self._log_lines.deliver()

    async def run(self) -> None:
        """Check in until cancelled; Unauthenticated."""
        self._journal.info("The agent started", agentVersion=self._facts["currentVersion"])
        # A fleet that is switched on as one must not arrive as one.
        await self._sleep(self._random.uniform(0, self._interval))
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
            await self._sleep(self._interval)

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
        self._spool.check_ins.add(self._facts, self._clock.now())

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

    def _lost_log_lines(self, count: int, reason: str) -> None:
        # Not as a log line: the server would refuse that for the same reason, and so on.
        self._journal.say(f"The server refused {count} log lines, which are dropped: {reason}")


def _believable(interval_seconds: int) -> int:
    return min(max(interval_seconds, _SHORTEST_INTERVAL), _LONGEST_INTERVAL)
