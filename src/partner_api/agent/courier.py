"""One queue's way to the server: in order, in lists, each entry removed once it is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from partner_api.agent.answers import Receipt
from partner_api.agent.clock import DeviceClock, Moment, wall_time
from partner_api.agent.server import Item, Items
from partner_api.agent.spool import Entry, Queue
from partner_api.kernel.errors import Invalid
from partner_api.kernel.timestamps import format_timestamp

MOST_AT_ONCE = 500
GRACE_SECONDS = 3

Write = Callable[[Entry, Moment], Item]
Post = Callable[[Items], Awaitable[Receipt]]
Refused = Callable[[int, str], None]


class Courier:
    """Empties a queue.

    `write` makes what is sent of an entry and the moment of sending; `post` sends a list of them;
    `refused` hears how many entries the server would not take, and why not.
    """

    def __init__(
        self, queue: Queue, write: Write, post: Post, clock: DeviceClock, refused: Refused
    ) -> None:
        self._queue = queue
        self._write = write
        self._post = post
        self._clock = clock
        self._refused = refused

    async def deliver(self) -> None:
        """Send all that waits; Unauthenticated, Unavailable. Unanswered entries stay."""
        while entries := self._queue.oldest(MOST_AT_ONCE):
            await _to_its_end(self._send(entries))

    async def _send(self, entries: Sequence[Entry]) -> None:
        try:
            rejected = (await self._post(self._written(entries))).rejected
        except Invalid as error:
            if len(entries) > 1:
                await self._send_halves(entries)
                return
            rejected = [error.message]
        if rejected:
            self._refused(len(rejected), rejected[0])
        self._queue.remove(entries)

    async def _send_halves(self, entries: Sequence[Entry]) -> None:
        # One entry makes the whole list unacceptable; it ends up alone and spoils no other.
        middle = len(entries) // 2
        await self._send(entries[:middle])
        await self._send(entries[middle:])

    def _written(self, entries: Sequence[Entry]) -> Items:
        now = self._clock.now()
        return [self._write(entry, now) for entry in entries]


async def _to_its_end(sending: Coroutine[Any, Any, None]) -> None:
    """Send; when cancelled meanwhile, wait a little for the answer, so that nothing is repeated."""
    task = asyncio.ensure_future(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        answered = asyncio.wait_for(task, GRACE_SECONDS)
        await asyncio.gather(answered, return_exceptions=True)
        raise


def written_check_in(entry: Entry, now: Moment) -> Item:
    """A check-in as it is sent now; its number makes a repeat harmless."""
    return {
        **entry.content,
        "sequence": entry.number,
        "observedAt": format_timestamp(wall_time(entry.moment, now)),
        "sentAt": format_timestamp(now.wall),
    }


def written_log_line(entry: Entry, now: Moment) -> Item:
    """A log line as it is sent now; its number tells a reader of repeats."""
    return {
        "severity": entry.content["severity"],
        "timestamp": format_timestamp(wall_time(entry.moment, now)),
        "payload": {**entry.content["payload"], "line": entry.number},
    }
