"""One request to a webhook, and what came of it: whatever the other side does, an outcome."""

import asyncio
import codecs
import ssl
import unicodedata
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from importlib.metadata import version

import httpcore

from partner_api.kernel.errors import Invalid
from partner_api.webhooks.addresses import AllowedAddresses, WebhookAddress
from partner_api.webhooks.network import CheckedBackend, ConnectionFailed
from partner_api.webhooks.resolution import Resolve

LONGEST_EXCERPT = 1024
"""How many bytes of an answer's body are read at all."""

_USER_AGENT = f"partner-api-webhooks/{version('partner-api')}"


@dataclass(frozen=True, slots=True)
class Answered:
    """The receiver answered, which may still mean that it did not take the message."""

    status: int
    latency_ms: int
    excerpt: str
    """How the body begins, for people to read; empty or short if it did not come in time."""
    retry_after: str | None
    """The header, as the receiver wrote it."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """There was no answer, or none that could be understood."""

    error: str
    """What happened, in a few words: connection refused, timed out, address not allowed."""
    latency_ms: int


Outcome = Answered | Unanswered


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a receiver may take."""

    connect_seconds: float = 5
    """To be found and to take a connection; then once more to agree on TLS."""
    exchange_seconds: float = 15
    """For everything, from looking up its name to the end of its answer."""


class Transport:
    """Sends to webhooks. Follows no redirect, uses no proxy, keeps no cookie and no connection.

    A connection kept for the next request would save a handshake, and let what a receiver sends
    too much pass for the answer to another MSP's request.

    Certificates are verified against the machine's authorities and certifi's, unless a context
    of the caller's own is given.
    """

    def __init__(
        self,
        allowed: AllowedAddresses,
        resolve: Resolve,
        *,
        tls: ssl.SSLContext | None = None,
        patience: Patience = Patience(),
    ) -> None:
        self._allowed = allowed
        self._patience = patience
        # Made once: it reads all the authorities' certificates.
        self._tls = tls or httpcore.default_ssl_context()
        self._backend = CheckedBackend(allowed, resolve)

    def resolving_by(self, resolve: Resolve) -> "Transport":
        """The same with another way to look up names."""
        return Transport(self._allowed, resolve, tls=self._tls, patience=self._patience)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send a JSON body to a webhook; the headers are added to those every request has."""
        try:
            request = self._request(self._allowed.parse(url), headers, body)
        except Invalid:
            return Unanswered("address not allowed", 0)
        return await self._exchange(request)

    async def _exchange(self, request: httpcore.Request) -> Outcome:
        connection = httpcore.AsyncHTTPConnection(
            request.url.origin, self._tls, network_backend=self._backend
        )
        loop = asyncio.get_running_loop()
        started = loop.time()
        deadline = started + self._patience.exchange_seconds
        try:
            # It closes itself when this fails, else with the response.
            async with asyncio.timeout_at(deadline):
                response = await connection.handle_async_request(request)
        except _OTHER_SIDE as error:
            return Unanswered(_sentence(error), _milliseconds(loop.time() - started))
        latency_ms = _milliseconds(loop.time() - started)
        return Answered(
            status=response.status,
            latency_ms=latency_ms,
            excerpt=await _excerpt(response, deadline),
            retry_after=_header(response, b"retry-after"),
        )

    def _request(
        self, address: WebhookAddress, headers: Mapping[str, str], body: bytes
    ) -> httpcore.Request:
        return httpcore.Request(
            "POST",
            httpcore.URL(
                scheme=address.scheme, host=address.host, port=address.port, target=address.target
            ),
            headers=[
                ("Host", address.authority),
                ("User-Agent", _USER_AGENT),
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
                *headers.items(),
            ],
            content=body,
            extensions={"timeout": {"connect": self._patience.connect_seconds}},
        )


_TIMED_OUT = (TimeoutError, httpcore.TimeoutException)
# All the other side can cause; TLS errors of an established connection come as OSErrors.
_OTHER_SIDE = (
    ConnectionFailed,
    httpcore.RemoteProtocolError,
    httpcore.NetworkError,
    *_TIMED_OUT,
    OSError,
)


def _sentence(error: Exception) -> str:
    if isinstance(error, ConnectionFailed):
        return str(error)
    if isinstance(error, httpcore.RemoteProtocolError):
        return "answer is not HTTP"
    return "timed out" if isinstance(error, _TIMED_OUT) else "connection lost"


async def _excerpt(response: httpcore.Response, deadline: float) -> str:
    body = bytearray()
    try:
        async with asyncio.timeout_at(deadline), aclosing(response):
            async for part in response.aiter_stream():
                body += part
                if len(body) >= LONGEST_EXCERPT:
                    break
    except _OTHER_SIDE:
        # The status has said what became of the message; what is missing here was for people.
        pass
    # A character that was cut in two at the end is left out.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(body[:LONGEST_EXCERPT])
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    # PostgreSQL stores no NUL, and terminals obey the others.
    is_control = unicodedata.category(character) == "Cc" and character not in "\n\t"
    return "\N{REPLACEMENT CHARACTER}" if is_control else character


def _header(response: httpcore.Response, name: bytes) -> str | None:
    for each, value in response.headers:
        if each.lower() == name:
            return value.decode("latin-1")
    return None


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
