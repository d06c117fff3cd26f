"""Connections for webhooks: to an address that was checked, and with no more patience than needed.

The name is resolved once, all it resolves to is checked, and the connection is made to one of
these addresses and not to the name, so that no name server can answer differently in between.
"""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore

from partner_api.webhooks.addresses import AllowedAddresses, IPAddress
from partner_api.webhooks.resolution import Resolve

MOST_RECEIVED = 64 * 1024
"""How many bytes may arrive before what is wanted of an answer has been read."""

_READ_AT_ONCE = 16 * 1024
# Of a name with hundreds of addresses.
_MOST_TRIED = 4
# What OpenSSL calls X509_V_ERR_CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH.
_EXPIRED, _OTHER_HOST = 10, {62, 64}


class ConnectionFailed(Exception):
    """Its message says in a few words what happened, to whoever runs the receiver."""


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects where webhooks may go; ConnectionFailed for everywhere else."""

    def __init__(self, allowed: AllowedAddresses, resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the host's addresses, if a webhook may reach them all."""
        async with asyncio.timeout(timeout):
            addresses = await self._checked(host, port)
            share = timeout and timeout / len(addresses)
            for address in addresses:
                try:
                    stream = await self._backend.connect_tcp(
                        str(address), port, share, local_address, socket_options
                    )
                    return _BoundedStream(stream)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
        raise ConnectionFailed(_why_no_connection(failure))

    async def _checked(self, host: str, port: int) -> Sequence[IPAddress]:
        addresses = await self._resolve(host)
        if not addresses:
            raise ConnectionFailed("host not found")
        # All of them: a name that leads both outside and inside is somebody's trick.
        if not all(self._allowed.permits(address, port) for address in addresses):
            raise ConnectionFailed("address not allowed")
        return addresses[:_MOST_TRIED]


class _BoundedStream(httpcore.AsyncNetworkStream):
    """A connection on which the other side may only say so much."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._received = 0

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> bytes:
        data = await self._stream.read(min(max_bytes, _READ_AT_ONCE), timeout)
        if not data and not self._received:
            raise ConnectionFailed("connection closed without an answer")
        self._received += len(data)
        if self._received > MOST_RECEIVED:
            raise ConnectionFailed("answer too large")
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _BoundedStream(
                await self._stream.start_tls(ssl_context, server_hostname, timeout)
            )
        except httpcore.ConnectError as error:
            raise ConnectionFailed(_why_no_tls(error)) from None
        except asyncio.CancelledError:
            # httpcore closes after errors, and this is none.
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _why_no_connection(error: BaseException) -> str:
    match _first_cause(error):
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError():
            return "timed out"
        case _:
            return "host unreachable"


def _why_no_tls(error: BaseException) -> str:
    match _first_cause(error):
        case ssl.SSLCertVerificationError(verify_code=code) if code in _OTHER_HOST:
            return "certificate not valid for host"
        case ssl.SSLCertVerificationError(verify_code=code) if code == _EXPIRED:
            return "certificate expired"
        case ssl.SSLCertVerificationError():
            return "certificate not trusted"
        case _:
            return "TLS handshake failed"


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
