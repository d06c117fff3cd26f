"""Requests to hot paths that come whole are answered by the edge itself, without ASGI.

ASGI's messages, events and second task cost as much processor time as all that a check-in is about.
Whatever is not quite ordinary (a body in pieces, a request before the answer to the last, HTTP/1.0,
a connection to be closed) takes the usual way, and is answered the same.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast
from weakref import WeakKeyDictionary

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from partner_api.edge import Edge, Headers, Reply

# Of requests that came in one moment so many are begun before anything else has its turn.
_BEGUN_AT_ONCE = 16


class DirectHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 over one connection to an `Edge`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(self.app, Edge)
        self._edge = self.app
        self._hot = {path.encode(): path for path in self.app.hot_paths}
        self._turns = _turns_of.setdefault(server_state, _Turns(self.loop))
        self._direct: _DirectCycle | None = None
        """The direct request whose body is being read."""

    def data_received(self, data: bytes) -> None:
        """Read on; a direct request whose end is not there yet becomes a usual one."""
        super().data_received(data)
        direct = self._direct
        if direct is not None and not self.transport.is_closing():
            self._direct = None
            super().on_headers_complete()
            super().on_body(direct.body)

    def on_headers_complete(self) -> None:
        """Choose the request's way."""
        path = self._hot.get(self.url)
        if path is None or not self._is_ordinary():
            super().on_headers_complete()
        else:
            self._direct = _DirectCycle(path, self.headers)

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body."""
        if self._direct is None:
            super().on_body(body)
        else:
            self._direct.body += body

    def on_message_complete(self) -> None:
        """Begin to answer a direct request."""
        direct, self._direct = self._direct, None
        if direct is None:
            super().on_message_complete()
            return
        # What follows before the answer waits for it, as behind any request.
        self.cycle = cast(RequestResponseCycle, direct)
        self._turns.take(lambda: self._begin(direct))

    def _is_ordinary(self) -> bool:
        return (
            self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and (self.cycle is None or self.cycle.response_complete)
            # Who does not read the answers gets no more of them before.
            and not self.flow.write_paused
        )

    def _begin(self, direct: "_DirectCycle") -> None:
        task = self.loop.create_task(self._answer(direct))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, direct: "_DirectCycle") -> None:
        is_closing = self.transport.is_closing
        reply = await self._edge.reply(direct.path, direct.headers, direct.body, is_closing)
        direct.response_complete = True
        if is_closing():
            return
        self.transport.write(
            _message(reply, self.server_state.default_headers, keep_alive=direct.keep_alive)
        )
        if not direct.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _Turns:
    """Begins requests a few at a time.

    All connections that can be read are read before anything else happens. Were all of their
    requests begun in one go, those that wait for a group would all be in one, and this process
    would have nothing to do while that is written.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, begin: Callable[[], None]) -> None:
        """Call `begin` when those before have begun."""
        self._waiting.append(begin)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        for _ in range(min(_BEGUN_AT_ONCE, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            self._loop.call_soon(self._next)


_turns_of: WeakKeyDictionary[ServerState, _Turns] = WeakKeyDictionary()
"""Of all connections to one server."""


class _DirectCycle:
    """A direct request; to the protocol, which knows one kind only, its cycle."""

    __slots__ = (
        "body",
        "disconnected",
        "headers",
        "keep_alive",
        "message_event",
        "path",
        "response_complete",
    )

    def __init__(self, path: str, headers: Headers) -> None:
        self.path = path
        self.headers = headers
        self.body = b""
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False
        self.message_event = _NOBODY_WAITS


class _NobodyWaits:
    def set(self) -> None:
        """Wake nobody."""


_NOBODY_WAITS = _NobodyWaits()


def _message(reply: Reply, defaults: Headers, *, keep_alive: bool) -> bytes:
    parts = [STATUS_LINE[reply.status]]
    for headers in (defaults, reply.headers):
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
    if not keep_alive:
        parts.append(b"connection: close\r\n")
    parts.append(b"content-length: %d\r\n\r\n" % len(reply.content))
    parts.append(reply.content)
    return b"".join(parts)
