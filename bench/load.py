"""Requests at a given pace over kept-alive connections, each answer timed from when it was due.

An open loop: a server that falls behind is not spared, and what waits for a free connection counts
as waiting for the answer.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

MIX_SECONDS = 0.002
"""How often what is due is sent."""


@dataclass(frozen=True)
class Answer:
    """A response's status, body and the seconds a client was asked to wait."""

    status: int
    body: bytes
    retry_after: int = 0


@dataclass
class Tally:
    """What became of one kind of request."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float, answer: Answer) -> None:
        """Count an answer."""
        self.seconds.append(seconds)
        self.statuses[answer.status] += 1

    @property
    def errors(self) -> int:
        """Answers that were not 2xx; 0 stands for a connection that broke."""
        return sum(n for status, n in self.statuses.items() if not 200 <= status < 300)

    def percentile_ms(self, share: float) -> float:
        """The latency that so many of the answers kept within."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class Client:
    """A fixed number of connections to one server; a request takes the next free one."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self._free: deque[_Connection] = deque()
        self._queue: deque[asyncio.Future[_Connection]] = deque()

    async def connect(self, connections: int) -> None:
        """Open them all."""
        for start in range(0, connections, 200):
            few = range(start, min(start + 200, connections))
            self._free.extend(await asyncio.gather(*(self._open() for _ in few)))

    def close(self) -> None:
        """Close those that are free."""
        for connection in self._free:
            connection.transport.close()

    async def ask(self, request: bytes) -> Answer:
        """Send a whole request; its answer."""
        connection = self._free.popleft() if self._free else await self._wait()
        try:
            answer = await connection.ask(request)
        except ConnectionError:
            self._give_back(await self._open())
            return Answer(0, b"")
        self._give_back(connection)
        return answer

    def request(self, method: str, path: str, token: str, body: bytes = b"") -> bytes:
        """The bytes of a request."""
        content = (
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        )
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Authorization: Bearer {token}\r\n{content}\r\n"
        )
        return head.encode("ascii") + body

    async def _wait(self) -> "_Connection":
        turn: asyncio.Future[_Connection] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        return await turn

    def _give_back(self, connection: "_Connection") -> None:
        if self._queue:
            self._queue.popleft().set_result(connection)
        else:
            self._free.append(connection)

    async def _open(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self.host, self.port)
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time; reads answers that say their length."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses, and are transports all the same.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        fields = head.lower()
        length = _number(fields, b"\r\ncontent-length: ")
        if len(rest) >= length:
            self._received = b""
            answer, self._answer = self._answer, None
            retry_after = _number(fields, b"\r\nretry-after: ")
            answer.set_result(Answer(int(head[9:12]), rest, retry_after))

    async def ask(self, request: bytes) -> Answer:
        if self.transport.is_closing():
            raise ConnectionResetError("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


@asynccontextmanager
async def client(url: str, connections: int) -> AsyncIterator[Client]:
    """A connected client."""
    found = Client(url)
    await found.connect(connections)
    try:
        yield found
    finally:
        found.close()


async def pace(ask: Client, make: Callable[[int], bytes], *, rate: float, seconds: float) -> Tally:
    """Send the n-th request at n / rate seconds, whatever became of those before."""
    tally, asking = Tally(), set[asyncio.Task[None]]()
    began = time.perf_counter()

    async def one(n: int) -> None:
        answer = await ask.ask(make(n))
        tally.add(time.perf_counter() - (began + n / rate), answer)

    sent = 0
    while (passed := time.perf_counter() - began) < seconds:
        while sent < passed * rate:
            task = asyncio.create_task(one(sent))
            asking.add(task)
            task.add_done_callback(asking.discard)
            sent += 1
        await asyncio.sleep(MIX_SECONDS)
    await asyncio.gather(*list(asking))
    return tally


async def timed(ask: Client, request: bytes) -> float:
    """Seconds until a request is answered; RuntimeError when it is refused."""
    began = time.perf_counter()
    answer = await ask.ask(request)
    if not 200 <= answer.status < 300:
        raise RuntimeError(f"{answer.status}: {answer.body[:500]!r}")
    return time.perf_counter() - began


def _number(fields: bytes, name: bytes) -> int:
    _, found, rest = fields.partition(name)
    return int(rest.partition(b"\r\n")[0]) if found else 0
