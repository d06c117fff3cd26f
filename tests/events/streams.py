"""A client of a stream: an answer that is read as it comes."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message

from tests.factories.tenants import Tenant

PATH = "/v1/events/stream"
PATIENCE_SECONDS = 5.0


@dataclass
class Stream:
    """What came, and what is still to come."""

    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    has_ended: bool = False
    _has_asked: bool = False
    _text: str = ""

    async def receive(self) -> Message:
        """What the client says: a request without a body, and in the end that it left."""
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def next(self) -> dict[str, Any]:
        """The next event, as a browser would hand it out."""
        while True:
            block = await self.block()
            fields = [line.partition(": ") for line in block.splitlines()]
            event = {name: value for name, _, value in fields if name}
            if event:
                return {**event, "data": json.loads(event["data"])}

    async def block(self) -> str:
        """All up to the next empty line."""
        while "\n\n" not in self._text:
            assert await self.more(), "the stream ended"
        block, _, self._text = self._text.partition("\n\n")
        return block

    async def more(self) -> bool:
        """Take the next part; tells whether there was one."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await self.messages.get()
        self._text += message.get("body", b"").decode()
        self.has_ended = not message.get("more_body")
        return not self.has_ended

    async def end(self) -> str:
        """Wait for the end; all that came before it."""
        while not self.has_ended:
            await self.more()
        return self._text


@dataclass
class Streams:
    """Opens streams of one application."""

    app: ASGIApp

    @asynccontextmanager
    async def open(
        self, tenant: Tenant, last_event_id: str | None = None, method: str = "GET", **query: Any
    ) -> AsyncIterator[Stream]:
        """A stream, left in the end."""
        named = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        async with self.ask(tenant, PATH, method, named, **query) as stream:
            async with asyncio.timeout(PATIENCE_SECONDS):
                start = await stream.messages.get()
            stream.status = start["status"]
            stream.headers = {name.decode(): value.decode() for name, value in start["headers"]}
            yield stream

    @asynccontextmanager
    async def ask(
        self,
        tenant: Tenant,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] = MappingProxyType({}),
        **query: Any,
    ) -> AsyncIterator[Stream]:
        """A request whose client leaves in the end, and the server then too."""
        stream = Stream()
        scope = _scope(method, path, {**tenant.headers, **headers}, query)

        async def run() -> None:
            await self.app(scope, stream.receive, stream.messages.put)

        request = asyncio.create_task(run())
        try:
            yield stream
        finally:
            stream.left.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await request


def _scope(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(query, doseq=True).encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
