"""Delivers events to webhooks: claims what is due, sends it, writes down what came of it."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from partner_api.kernel import context
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.ids import MspId, format_msp_id
from partner_api.kernel.metrics import WEBHOOKS_UNDER_WAY
from partner_api.webhooks.outbox import Claim, Outbox, Result
from partner_api.webhooks.slots import Slots

SLOTS = 400
"""Attempts under way at once in one process."""

_LOOK_SECONDS = 0.1
_LOOKS_PART = 10
"""Between two looks it rests this many times as long as one takes."""
_GROUP_SECONDS = 0.02
_MOST_SETTLED = 500
_RETRY_SECONDS = 1.0
# Together less than a process is given to end.
_ENDING_SECONDS = 3.0
_LAST_WORDS_SECONDS = 1.0

_logger = logging.getLogger(__name__)

Send = Callable[[Claim], Awaitable[Result]]


class Deliverer:
    """Delivers to every MSP's webhooks; several may, each what the others have not claimed."""

    def __init__(self, outbox: Outbox, send: Send, slots: int = SLOTS) -> None:
        self._outbox = outbox
        self._send = send
        self._slots = Slots(slots)
        self._attempts: set[asyncio.Task[None]] = set()
        self._results: defaultdict[MspId, list[Result]] = defaultdict(list)
        self._has_results = asyncio.Event()
        self._has_settled = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled.

        Then attempts have seconds to end; what does not is attempted again when its claim is over.
        """
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._keep_claiming())
                both.create_task(self._keep_settling())
        finally:
            await self._end()

    async def _keep_claiming(self) -> None:
        while True:
            began = time.monotonic()
            self._has_settled.clear()
            try:
                has_claimed = await self._claim()
            except Unavailable as error:
                _logger.warning("%s", error)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if not has_claimed:
                took = time.monotonic() - began
                await self._rest(max(_LOOK_SECONDS, _LOOKS_PART * took))

    async def _claim(self) -> bool:
        """Claim and begin what is due, as far as there is room; tells whether anything was."""
        if self._slots.is_full:
            return False
        has_claimed = False
        waiting = await self._outbox.waiting()
        for msp_id in self._slots.in_turn(waiting):
            room = self._slots.room(msp_id)
            if room > 0:
                claims = await self._outbox.claim(msp_id, waiting[msp_id], room)
                for claim in claims:
                    self._begin(claim)
                has_claimed |= bool(claims)
        return has_claimed

    def _begin(self, claim: Claim) -> None:
        self._slots.take(claim.msp_id, 1)
        WEBHOOKS_UNDER_WAY.inc()
        attempt = asyncio.create_task(self._attempt(claim))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _attempt(self, claim: Claim) -> None:
        context.msp_id.set(format_msp_id(claim.msp_id))
        result = await self._send(claim)
        self._results[claim.msp_id].append(result)
        self._has_results.set()

    async def _rest(self, seconds: float) -> None:
        # A webhook has room again when something of it was settled.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_settled.wait()

    async def _keep_settling(self) -> None:
        while True:
            await self._has_results.wait()
            await asyncio.sleep(_GROUP_SECONDS)
            self._has_results.clear()
            if not await self._settle():
                self._has_results.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _settle(self) -> bool:
        """Write down what there is; tells whether all of it was taken."""
        for msp_id in list(self._results):
            try:
                await self._settle_one(msp_id)
            except Unavailable as error:
                # The others' turns come all the same.
                _logger.warning("%s", error)
        return not self._results

    async def _settle_one(self, msp_id: MspId) -> None:
        while results := self._results[msp_id][:_MOST_SETTLED]:
            await self._outbox.settle(msp_id, results)
            # Not before: told twice, it counts once, and what is not told is sent again.
            del self._results[msp_id][: len(results)]
            self._slots.leave(msp_id, len(results))
            WEBHOOKS_UNDER_WAY.dec(len(results))
        del self._results[msp_id]
        self._has_settled.set()

    async def _end(self) -> None:
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=_ENDING_SECONDS)
        for attempt in self._attempts:
            attempt.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self._settle()
