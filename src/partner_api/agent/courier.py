"""One queue's way to the server: in order, in lists, each entry removed once it is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from partner_api.agent.answers import Receipt, Refusal
from partner_api.agent.clock import DeviceClock, Moment, wall_time
from partner_api.agent.server import Item, Items
from partner_api.agent.spool import Content, Entry, Queue
from partner_api.kernel.errors import Invalid
from partner_api.kernel.timestamps import format_timestamp

MOST_AT_ONCE = 500
GRACE_SECONDS = 3

Write = Callable[[Entry, Moment], Item]
Post = Callable[[Items], Awaitable[Receipt]]
Refused = Callable[[int, str], None]

_MEASURED = ("network", "interfaces", "metrics")


@dataclass(frozen=True)
class Lesser:
    """What is sent instead of a refused entry.

    `make` leaves out what the server may be refusing, and gives None when there is nothing to
    leave out; `used` hears how many entries are sent again, and why.
    """

    make: Callable[[Content], Content | None]
    used: Refused


class Courier:
    """Empties a queue.

    `write` makes what is sent of an entry and the moment of sending; `post` sends a list of them;
    `refused` hears how many entries the server would not take, and why not. What a `lesser` one
    can be made of is sent again as that first.
    """

    def __init__(
        self,
        queue: Queue,
        write: Write,
        post: Post,
        clock: DeviceClock,
        refused: Refused,
        lesser: Lesser | None = None,
    ) -> None:
        self._queue = queue
        self._write = write
        self._post = post
        self._clock = clock
        self._refused = refused
        self._lesser = lesser

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
            rejected = [Refusal(0, error.message)]
        self._settle(entries, rejected)

    def _settle(self, entries: Sequence[Entry], rejected: Sequence[Refusal]) -> None:
        places = range(len(entries))
        reasons = {said.index: said.message for said in rejected if said.index in places}
        reduced = self._reduced([entries[index] for index in sorted(reasons)])
        reason, lost = next(iter(reasons.values()), ""), len(reasons) - len(reduced)
        if reduced and self._lesser:
            self._lesser.used(len(reduced), reason)
        if lost:
            self._refused(lost, reason)
        self._queue.remove(entries, reduced)

    def _reduced(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        if self._lesser is None:
            return []
        made = ((entry, self._lesser.make(entry.content)) for entry in entries)
        return [replace(entry, content=content) for entry, content in made if content is not None]

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


def without_sample(content: Content) -> Content | None:
    """A check-in without what was measured; None when nothing was.

    Whatever a server has against a measurement, the device was there to be seen.
    """
    rest = {name: value for name, value in content.items() if name not in _MEASURED}
    return rest if len(rest) < len(content) else None


def written_log_line(entry: Entry, now: Moment) -> Item:
    """A log line as it is sent now; its number tells a reader of repeats."""
    return {
        "severity": entry.content["severity"],
        "timestamp": format_timestamp(wall_time(entry.moment, now)),
        "payload": {**entry.content["payload"], "line": entry.number},
    }
