"""What every surface does before it looks at a path.

Request ids, bounded bodies, an answer to unexpected errors.

The few paths that carry nearly all requests are answered here and now, by a function of a request's
fields and body; all others by the surface's application.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from msgspec import Struct
from prometheus_client import Counter, Histogram
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partner_api.kernel import context
from partner_api.kernel.errors import TooLarge
from partner_api.kernel.metrics import REQUEST_SECONDS, REQUESTS

BODY_SECONDS = 60.0
"""Enough for eight megabytes over one megabit a second."""
REQUEST_ID = b"x-request-id"
CLIENT_LEFT = 499
"""What proxies count a request as whose client did not wait for the answer."""
SLOW_SECONDS = 1.0
"""From here on a request that went well is logged like one that did not."""
PATIENT_SECONDS = 0.1
"""What every device waits for its answer."""
PROBES = frozenset({"/livez", "/readyz", "/v1/health"})
"""Routes that monitors ask for all day long."""
WAITS = frozenset({"/v1/events", "/v1/events/stream"})
"""Routes whose requests wait for what has not happened yet: taking long they go well."""
UNEXPECTED = "Something went wrong on our side; please report it with this answer's X-Request-Id"

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
# Ids of our own: this process and a number. They hide nothing, and random ones cost a system call.
_OURS = secrets.token_hex(6).encode()
_NUMBERS = count()
_logger = logging.getLogger(__name__)

Fields = Mapping[bytes, bytes]
Headers = Sequence[tuple[bytes, bytes]]


class Reply(Struct, frozen=True):
    """A whole answer; `headers` are without its length."""

    status: int
    headers: Headers
    content: bytes

    @classmethod
    def of(cls, response: Response) -> "Reply":
        """The reply a framework's response is."""
        headers = [field for field in response.raw_headers if field[0] != b"content-length"]
        return cls(response.status_code, headers, bytes(response.body))


LimitFor = Callable[[str], int]
RenderError = Callable[[int, str], Response]
RouteFor = Callable[[str], str | None]


Take = Callable[[Fields, bytes], Awaitable[Reply]]
"""Answers a request by its fields and its body."""


class HotPath(Struct, frozen=True):
    """What answers a path's posts instead of the application."""

    take: Take
    is_logged: bool
    """Whether those that went well are logged too."""


class Edge:
    """Wraps a surface's application.

    `limit_for` tells how many bytes a body at a path may have; `render` makes an answer of a status
    and a message in the surface's own shape; `route_for` names the route of a path whose request
    ended before the application saw it; `hot` answers posts to its paths instead of the
    application.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit_for: LimitFor,
        render: RenderError,
        route_for: RouteFor,
        hot: Mapping[str, HotPath] | None = None,
    ) -> None:
        self._app = app
        self._limit_for = limit_for
        self._render = render
        self._route_for = route_for
        self._hot = hot or {}

    @property
    def hot_paths(self) -> Iterable[str]:
        """Where a whole request may be brought to `reply` instead."""
        return self._hot

    async def reply(
        self, path: str, headers: Headers, body: bytes, has_left: Callable[[], bool]
    ) -> Reply:
        """Answer a post to a hot path that has come whole; as `__call__` would, without ASGI."""
        started = time.perf_counter()
        fields = first_fields(headers)
        request_id = _begin(fields)
        status = CLIENT_LEFT
        try:
            reply = await self._take(path, fields, body)
            if not (has_left() and time.perf_counter() - started >= PATIENT_SECONDS):
                status = reply.status
        except asyncio.CancelledError:
            status = 500
            raise
        finally:
            seconds = time.perf_counter() - started
            _note("POST", path, status, seconds, is_logged=self._hot[path].is_logged)
        return Reply(reply.status, [*reply.headers, (REQUEST_ID, request_id)], reply.content)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or whatever else the server announces."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        fields = first_fields(scope["headers"])
        answer = _Answer(send, _begin(fields), started, is_head=scope["method"] == "HEAD")
        # HEAD is answered like GET; the server, which keeps its own scope, leaves the body out.
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        try:
            await self._handle(asked, fields, receive, answer)
        finally:
            route, seconds = self._route(asked), time.perf_counter() - started
            is_logged = not self._is_hot(asked) or self._hot[asked["path"]].is_logged
            _note(scope["method"], route, answer.status, seconds, is_logged=is_logged)

    async def _handle(
        self, scope: Scope, fields: Fields, receive: Receive, answer: "_Answer"
    ) -> None:
        if b"%2f" in scope.get("raw_path", b"").lower():
            # Decoded it would separate what the sender meant as one name.
            await self._render(404, "No such path")(scope, receive, answer)
            return
        limit = self._limit_for(scope["path"])
        try:
            _refuse_announced(fields, limit)
            body = await _read_body(receive, limit)
        except TooLarge as error:
            await self._render(413, error.message)(scope, receive, answer)
            return
        except TimeoutError:
            await self._render(408, "The body took too long to arrive")(scope, receive, answer)
            return
        if body is None:
            answer.status = CLIENT_LEFT
            return
        answer.expect_leaving(receive, PATIENT_SECONDS if self._is_hot(scope) else 0.0)
        if self._is_hot(scope):
            await answer.send(await self._take(scope["path"], fields, body))
        else:
            await self._answer(scope, _Replay(body, receive), answer)

    def _is_hot(self, scope: Scope) -> bool:
        is_known = scope["method"] == "POST" and scope["path"] in self._hot
        return is_known and not scope.get("query_string")

    def _route(self, scope: Scope) -> str:
        found = getattr(scope.get("route"), "path", None)
        return found or self._route_for(scope["path"]) or "unmatched"

    async def _take(self, path: str, fields: Fields, body: bytes) -> Reply:
        try:
            return await self._hot[path].take(fields, _bounded(body, self._limit_for(path)))
        except TooLarge as error:
            return Reply.of(self._render(413, error.message))
        except Exception:
            _logger.exception("POST %s failed, %s", path, context.request_id.get())
            return Reply.of(self._render(500, UNEXPECTED))

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer)
        except Exception:
            request_id = context.request_id.get()
            _logger.exception("%s %s failed, %s", scope["method"], scope["path"], request_id)
            if not answer.started:
                await self._render(500, UNEXPECTED)(scope, receive, answer)


class _Answer:
    """Adds the request id to an answer, and remembers what became of it."""

    def __init__(self, send: Send, request_id: bytes, began: float, *, is_head: bool) -> None:
        self._send = send
        self._began = began
        self._is_head = is_head
        self._request_id = request_id
        self._receive: Receive | None = None
        self._patient_seconds = 0.0
        self.started = False
        # Ended from outside, before an answer began: the server then answers for us.
        self.status = 500

    def expect_leaving(self, receive: Receive, patient_seconds: float) -> None:
        """Look for a client that left; `receive` has nothing else to say any more.

        Looking costs every check-in something, and hardly a device leaves soon.
        """
        self._receive, self._patient_seconds = receive, patient_seconds

    async def send(self, reply: Reply) -> None:
        """Answer with all of this."""
        length = (b"content-length", str(len(reply.content)).encode())
        headers = [*reply.headers, length]
        await self({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self({"type": "http.response.body", "body": reply.content})

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = CLIENT_LEFT if self._has_left() else message["status"]
            message["headers"] = [*message.get("headers", ()), (REQUEST_ID, self._request_id)]
            await self._send(message)
            if self._is_head:
                # All there is to say, however long the body would go on.
                await self._send({"type": "http.response.body"})
        elif not self._is_head:
            await self._send(message)

    def _has_left(self) -> bool:
        if self._receive is None or time.perf_counter() - self._began < self._patient_seconds:
            return False
        return _has_left(self._receive)


class _Replay:
    """Hands the application the body that was read already, then the connection's own events."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        message = {"type": "http.request", "body": self._body, "more_body": False}
        self._body = None
        return message


def first_fields(headers: Headers) -> Fields:
    """The first value of each header, by its lower-case name."""
    return dict(reversed(headers))


def field(fields: Fields, name: bytes) -> str:
    """A header's value; empty when there is none."""
    return fields.get(name, b"").decode("latin-1")


def _begin(fields: Fields) -> bytes:
    """The id of the request that begins."""
    request_id = _request_id(fields)
    context.request_id.set(request_id.decode())
    return request_id


def is_json(content_type: str | None) -> bool:
    """Whether a media type is JSON."""
    if content_type == "application/json":
        return True
    essence = (content_type or "").partition(";")[0].strip().lower()
    return essence == "application/json" or (
        essence.startswith("application/") and essence.endswith("+json")
    )


def _note(method: str, route: str, status: int, seconds: float, *, is_logged: bool) -> None:
    """Count a request; log it too, unless it is one of so many that went well."""
    requests, request_seconds = _counters(method, route, status)
    requests.inc()
    request_seconds.observe(seconds)
    is_probe = route in PROBES
    # Whoever probes a server that is only starting gives up soon, and asks again.
    went_well = status < 400 or (is_probe and status == CLIENT_LEFT)
    is_routine = went_well and (seconds < SLOW_SECONDS or route in WAITS)
    if is_routine and not is_logged:
        return
    level = logging.DEBUG if is_routine and is_probe else logging.INFO
    milliseconds = round(seconds * 1000, 1)
    fields = {"status": status, "route": route, "milliseconds": milliseconds}
    extra = {"fields": fields, "is_routine": is_routine}
    _logger.log(level, "%s %s %s, %s ms", method, route, status, milliseconds, extra=extra)


@lru_cache(maxsize=1000)
def _counters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """What counts such requests; finding it by its labels costs as much as counting."""
    return REQUESTS.labels(method, route, str(status)), REQUEST_SECONDS.labels(route)


class _Step:
    """A call for the next message, taken as far as it goes without waiting; await the rest."""

    def __init__(self, receive: Receive) -> None:
        self._rest = receive().__await__()
        self.message: Message | None = None
        try:
            self._yielded = next(self._rest)
        except StopIteration as received:
            self.message = received.value

    def __await__(self) -> Generator[Any, Any, Message]:
        if self.message is None:
            try:
                yield self._yielded
            except BaseException:
                self.end()
                raise
            self.message = yield from self._rest
        return self.message

    def end(self) -> None:
        """Wait no longer."""
        self._rest.close()


def _has_left(receive: Receive) -> bool:
    """Whether the client hung up already; does not wait for it to."""
    step = _Step(receive)
    if step.message is None:
        step.end()
        return False
    return bool(step.message["type"] == "http.disconnect")


def _refuse_announced(fields: Fields, limit: int) -> None:
    """Refuse a body that says it is too large before any of it is read."""
    announced = fields.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced[:20]) > limit:
        raise TooLarge(f"The body may have {limit} bytes")


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None when the client went away before it was whole; TimeoutError."""
    step = _Step(receive)
    message = step.message
    if message and message["type"] == "http.request" and not message.get("more_body"):
        # It came with the head, as small bodies do: no need to set a clock.
        return _bounded(message.get("body", b""), limit)
    async with asyncio.timeout(BODY_SECONDS):
        return await _read_chunks(step, receive, limit)


async def _read_chunks(first: Awaitable[Message], receive: Receive, limit: int) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    message = await first
    while message["type"] != "http.disconnect":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit or not message.get("more_body"):
            return _bounded(b"".join(chunks), limit)
        message = await receive()
    return None


def _bounded(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLarge(f"The body may have {limit} bytes")
    return body


def _request_id(fields: Fields) -> bytes:
    given = fields.get(REQUEST_ID)
    if given is not None and _GIVEN_ID.fullmatch(given):
        return given
    return b"%s%012x" % (_OURS, next(_NUMBERS))
