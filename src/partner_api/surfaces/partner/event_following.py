"""How a caller follows its log: by requests that wait, or by a stream.

Whoever waits holds neither a connection to the database nor a turn, and is asked for a valid token
again before each look at the log.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from partner_api.events.feed import Waiter
from partner_api.events.log import EventFilter, Stretch
from partner_api.events.types import Event, EventType, format_event_id
from partner_api.kernel.errors import Unauthenticated, Unavailable
from partner_api.surfaces.partner.auth import authenticate
from partner_api.surfaces.partner.event_mapping import event_json
from partner_api.surfaces.partner.routing import Call, answering_in_time

MEDIA_TYPE: Final = "text/event-stream"

HEARTBEAT_SECONDS = 15.0
"""So often a stream says something, and whoever waits looks at the log although nothing woke it."""
# With the two seconds for which an answer is remembered, within the five a disabled credential has.
_CHECK_SECONDS = 3.0
_AT_ONCE = 100
_HEARTBEAT = b": still here\n\n"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def look(call: Call, wanted: EventFilter, after: int, limit: int) -> Stretch:
    """The next events there are; Unavailable."""
    msp_id = call.principal.msp_id
    if EventType.DEVICE_CHECKIN in (wanted.types or ()):
        async with answering_in_time():
            await call.services.interests.keep(msp_id)
    return await call.services.events.read(msp_id, wanted, after, limit)


async def wait_for_events(
    call: Call, request: Request, wanted: EventFilter, after: int, limit: int, seconds: float
) -> Stretch:
    """The next events, as soon as there are any; none when time is up or the client left.

    RateLimited, Unauthenticated when the token ended meanwhile, Unavailable.
    """
    until = time.monotonic() + seconds
    with call.services.feed.waiter(call.principal.msp_id) as waiter:
        async with _ending_with_client(request, waiter):
            while True:
                found = await look(call, wanted, after, limit)
                left = until - time.monotonic()
                if found.events or left <= 0 or waiter.is_over:
                    return found
                after = found.looked_to
                if found.is_end:
                    await waiter.wait(min(left, HEARTBEAT_SECONDS))
                    await authenticate(request, call.services)


class EventStream(Response):
    """Server-sent events from a place in the log on; RateLimited when it would begin."""

    def __init__(self, call: Call, request: Request, wanted: EventFilter, after: int) -> None:
        super().__init__()
        self._call = call
        self._request = request
        self._wanted = wanted
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client leaves, its token ends, or the server stops."""
        with self._call.services.feed.waiter(self._call.principal.msp_id) as waiter:
            chunks = self._chunks(waiter)
            streaming = StreamingResponse(chunks, headers=_HEADERS, media_type=MEDIA_TYPE)
            await streaming(scope, receive, send)

    async def _chunks(self, waiter: Waiter) -> AsyncIterator[bytes]:
        # At once, so that whatever stands in between lets the head of the answer through.
        yield _HEARTBEAT
        said_at, is_due = time.monotonic(), True
        while not waiter.is_over:
            try:
                await authenticate(self._request, self._call.services)
                found = await self._look() if is_due else None
                is_due = False
            except Unauthenticated:
                return
            except Unavailable:
                # It passes; the token is good for longer than most outages.
                found = None
            if found is not None and found.events:
                yield b"".join(map(frame, found.events))
                said_at = time.monotonic()
            if found is None or found.is_end:
                is_due |= await waiter.wait(_CHECK_SECONDS)
            else:
                is_due = True
            if time.monotonic() - said_at >= HEARTBEAT_SECONDS:
                yield _HEARTBEAT
                said_at, is_due = time.monotonic(), True

    async def _look(self) -> Stretch:
        found = await look(self._call, self._wanted, self._after, _AT_ONCE)
        self._after = found.looked_to
        return found


def frame(event: Event) -> bytes:
    """An event as the stream has it."""
    head = f"id: {format_event_id(event.position)}\nevent: {event.type}\ndata: "
    return b"%s%s\n\n" % (head.encode(), event_json(event))


@asynccontextmanager
async def _ending_with_client(request: Request, waiter: Waiter) -> AsyncIterator[None]:
    """Let the waiter go when its client leaves."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            """The request itself comes first."""
        waiter.end()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])
