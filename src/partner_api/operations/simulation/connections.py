"""Connections that are kept, one request on each at a time."""

import httpx

# Less than servers allow, so that few requests meet the end of their connection.
_KEEP_SECONDS = 30.0


class Connections(httpx.AsyncBaseTransport):
    """As many connections as there were ever requests at once.

    The library's own pool looks at every connection it keeps for each request; with 64 of them a
    request takes three times the CPU of this. The newest free one is taken first, so that a quiet
    fleet keeps few open.
    """

    def __init__(self) -> None:
        self._ssl = httpx.create_ssl_context(trust_env=False)
        self._all: list[httpx.AsyncHTTPTransport] = []
        self._free: list[httpx.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a connection of its own."""
        connection = self._free.pop() if self._free else self._open()
        try:
            return await connection.handle_async_request(request)
        finally:
            # Before the answer is read; who takes it now waits there until it has been.
            self._free.append(connection)

    async def aclose(self) -> None:
        """Close them all."""
        for connection in self._all:
            await connection.aclose()

    def _open(self) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=1, keepalive_expiry=_KEEP_SECONDS)
        connection = httpx.AsyncHTTPTransport(verify=self._ssl, trust_env=False, limits=limits)
        self._all.append(connection)
        return connection
