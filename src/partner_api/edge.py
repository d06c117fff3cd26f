"""What every surface does before it looks at a path.

Request ids, bounded bodies, an answer to unexpected errors.

Plain ASGI, because the hottest paths pass through it.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partner_api.kernel import context
from partner_api.kernel.errors import TooLarge
from partner_api.kernel.metrics import REQUEST_SECONDS, REQUESTS

BODY_SECONDS = 60.0
"""Enough for eight megabytes over one megabit a second."""
REQUEST_ID = b"x-request-id"
UNEXPECTED = "Something went wrong on our side; please report it with this answer's X-Request-Id"

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_logger = logging.getLogger(__name__)

LimitFor = Callable[[str], int]
RenderError = Callable[[int, str], ASGIApp]


class Edge:
    """Wraps a surface's application.

    `limit_for` tells how many bytes a body at a path may have; `render` makes an answer of a status
    and a message in the surface's own shape.
    """

    def __init__(self, app: ASGIApp, limit_for: LimitFor, render: RenderError) -> None:
        self._app = app
        self._limit_for = limit_for
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or whatever else the server announces."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope["headers"])
        context.request_id.set(request_id.decode())
        answer = _Answer(send, request_id)
        try:
            await self._handle(scope, receive, answer)
        finally:
            _note(scope, answer.status, time.perf_counter() - started)

    async def _handle(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        if b"%2f" in scope.get("raw_path", b"").lower():
            # Decoded it would separate what the sender meant as one name.
            await self._render(404, "No such path")(scope, receive, answer)
            return
        limit = self._limit_for(scope["path"])
        try:
            _refuse_announced(scope["headers"], limit)
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_body(receive, limit)
        except TooLarge as error:
            await self._render(413, error.message)(scope, receive, answer)
            return
        except TimeoutError:
            await self._render(408, "The body took too long to arrive")(scope, receive, answer)
            return
        if scope["method"] == "HEAD":
            # Answered like GET; the server leaves the body out.
            scope = {**scope, "method": "GET"}
        if body is not None:
            await self._answer(scope, _Replay(body, receive), answer)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer)
        except Exception:
            request_id = context.request_id.get()
            _logger.exception("%s %s failed, %s", scope["method"], scope["path"], request_id)
            if not answer.started:
                await self._render(500, UNEXPECTED)(scope, receive, answer)


class _Answer:
    """Adds the request id to an answer, and remembers whether one was begun."""

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._request_id = request_id
        self.started = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (REQUEST_ID, self._request_id)]
        await self._send(message)


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


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The first value of a header, by its lower-case name."""
    return next((value.decode("latin-1") for key, value in headers if key == name), None)


def is_json(content_type: str | None) -> bool:
    """Whether a media type is JSON."""
    essence = (content_type or "").partition(";")[0].strip().lower()
    return essence == "application/json" or (
        essence.startswith("application/") and essence.endswith("+json")
    )


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Count a request; log it too, unless it is one of the many that devices make and went well."""
    route = scope.get("route")
    path = getattr(route, "path", None) or scope.get("hot_route") or "unmatched"
    REQUESTS.labels(scope["method"], path, str(status)).inc()
    REQUEST_SECONDS.labels(path).observe(seconds)
    if status >= 400 or "hot_route" not in scope:
        milliseconds = round(seconds * 1000, 1)
        fields = {"status": status, "route": path, "milliseconds": milliseconds}
        _logger.info("%s %s %s", scope["method"], path, status, extra={"fields": fields})


def _refuse_announced(headers: Iterable[tuple[bytes, bytes]], limit: int) -> None:
    """Refuse a body that says it is too large before any of it is read."""
    announced = header(headers, b"content-length")
    if announced is not None and announced.isdigit() and int(announced[:20]) > limit:
        raise TooLarge(f"The body may have {limit} bytes")


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None when the client went away before it was whole."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message: dict[str, Any] = dict(await receive())
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The body may have {limit} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    given = next((value for key, value in headers if key == REQUEST_ID), b"")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(12).encode()
