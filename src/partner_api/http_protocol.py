"""The HTTP parser's bounds: what uvicorn leaves open to a client that is slow or says too much."""

import secrets
from asyncio import TimerHandle, Transport

import msgspec

from partner_api.direct_protocol import DirectHttpProtocol

HEAD_SECONDS = 10.0
"""From the first byte of a request, or from connecting, to the end of its headers."""
HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100


class BoundedHttpProtocol(DirectHttpProtocol):
    """Closes connections whose request line and headers take too long or grow too large."""

    _watch: TimerHandle
    _head_began = 0.0
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Expect a request soon; a connection that says nothing is closed."""
        super().connection_made(transport)
        self._begin_head()
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the end of the headers."""
        if self._in_head:
            self._head_bytes += len(data)
        if self._in_head and self._head_bytes > HEAD_BYTES + len(data):
            self.send_400_response("The request's headers are too large")
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Start the clock for this request's headers."""
        self._begin_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse floods of headers, the parser answers 400 for us; drop trailers.

        What comes after a body must not be taken for a header: it may name another caller.
        """
        if not self._in_head:
            return
        if len(self.headers) >= HEAD_FIELDS or len(name) + len(value) > HEAD_BYTES:
            raise ValueError("too many headers, or one too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Require one Host (RFC 9112, section 3.2); the body has bounds of its own."""
        self._in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("one Host header is required")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer in the shape every error has, and close."""
        if self._is_answering():
            # Not into the middle of the answer before.
            self.transport.close()
            return
        content = msgspec.json.encode({"error": "Bad Request", "message": msg})
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(content)}\r\nx-request-id: {secrets.token_hex(12)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()

    def _begin_head(self) -> None:
        self._in_head, self._head_bytes, self._head_began = True, 0, self.loop.time()

    def _look(self) -> None:
        """Close a connection whose head takes too long; look again when the next one may.

        One timer a connection: one a request would be set and cancelled all the time.
        """
        now = self.loop.time()
        if self._is_answering() or not self._in_head:
            self._head_began = now
        left = self._head_began + HEAD_SECONDS - now
        if left <= 0:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(left, self._look)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete
