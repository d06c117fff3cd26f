"""A TCP proxy in front of the server: what goes wrong on the way."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import partial
from typing import Self

CHUNK = 64 * 1024
LONGEST_DELAY_SECONDS = 0.5


class Mode(StrEnum):
    """What happens to bytes on their way."""

    PASS = "pass"
    DELAY = "every chunk comes late"
    CUT_AFTER_REQUEST = "closed as soon as the request has been passed on"
    CUT_IN_ANSWER = "closed somewhere in the answer, maybe before its first byte"
    HALF_OPEN = "nothing comes through any more, and nobody closes"


class Proxy:
    """Passes connections on to a port of this machine; `mode` may change at any moment."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.mode = Mode.PASS
        self.met: Counter[Mode] = Counter()
        """How often bytes met each kind of trouble."""

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Listen, in a thread of its own."""
        ready = threading.Event()
        thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),))
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()

    async def _connect(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            to_client.close()
            return
        ways = [
            asyncio.create_task(_pump(client, partial(self._pass_request, to_server))),
            asyncio.create_task(_pump(server, partial(self._pass_answer, to_client))),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for writer in (to_client, to_server):
                writer.close()

    async def _pass_request(self, server: asyncio.StreamWriter, chunk: bytes) -> "_Next":
        mode = self.mode
        if mode is Mode.CUT_AFTER_REQUEST:
            return await self._cut(mode, server, chunk)
        return await self._pass(mode, server, chunk)

    async def _pass_answer(self, client: asyncio.StreamWriter, chunk: bytes) -> "_Next":
        mode = self.mode
        if mode is Mode.CUT_IN_ANSWER:
            return await self._cut(mode, client, chunk[: random.randrange(len(chunk))])
        return await self._pass(mode, client, chunk)

    async def _cut(self, mode: Mode, writer: asyncio.StreamWriter, chunk: bytes) -> "_Next":
        self.met[mode] += 1
        writer.write(chunk)
        await writer.drain()
        return _Next.CLOSE

    async def _pass(self, mode: Mode, writer: asyncio.StreamWriter, chunk: bytes) -> "_Next":
        if mode is Mode.HALF_OPEN:
            self.met[mode] += 1
            return _Next.SWALLOW
        if mode is Mode.DELAY:
            self.met[mode] += 1
            await asyncio.sleep(random.uniform(0, LONGEST_DELAY_SECONDS))
        writer.write(chunk)
        await writer.drain()
        return _Next.PASS


class _Next(StrEnum):
    """What becomes of the chunks after this one."""

    PASS = "pass"
    SWALLOW = "swallow"
    CLOSE = "close"


async def _pump(source: asyncio.StreamReader, handle: Callable[[bytes], Awaitable[_Next]]) -> None:
    """Move chunks until one end closes, or `handle` says to."""
    after = _Next.PASS
    with suppress(ConnectionError):
        while after is not _Next.CLOSE and (chunk := await source.read(CHUNK)):
            # A way that has fallen silent stays so; it is read on to notice its end.
            if after is _Next.PASS:
                after = await handle(chunk)
