"""Receivers of webhooks on this machine, well-behaved or not, and the names they go by."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

from partner_api.webhooks.addresses import IPAddress

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """What reached a receiver, connection by connection."""

    port: int = 0
    connections: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Request line, headers in lower case, body."""


def answer(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """A whole answer as it travels."""
    fields = {"content-length": str(len(body)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode() + body


@asynccontextmanager
async def receiving(
    says: bytes | Talk,
    *,
    greeting: bytes = b"",
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[Receiver]:
    """A receiver that greets each connection, and says something to each request on it."""
    receiver = Receiver()
    talk = says if callable(says) else _saying(says)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        try:
            writer.write(greeting)
            while True:
                receiver.requests.append(await _read_request(reader))
                await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


class Names:
    """A name server in somebody's hands: each name has one answer after another, the last stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name: list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[IPAddress]:
        self.asked.append(host)
        answers = self._answers[host.partition(".")[0]]
        found = answers[0] if len(answers) == 1 else answers.pop(0)
        return [ip_address(each) for each in found]


def _saying(text: bytes) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return talk


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in fields)}
    return line, headers, await reader.readexactly(int(headers["content-length"]))
