"""Connections whose other end does not read, and many that speak at once."""

import asyncio
from typing import Any

from starlette.responses import PlainTextResponse, Response
from uvicorn import Config
from uvicorn.server import ServerState

from partner_api.edge import Edge, Fields, HotPath, Reply, Take
from partner_api.http_protocol import BoundedHttpProtocol
from tests.waiting import until

REQUEST = b"POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """Nothing more comes anyway."""

    def resume_reading(self) -> None:
        """Nothing more comes anyway."""


async def echo(_fields: Fields, body: bytes) -> Reply:
    return Reply(200, [], body)


async def connect(
    server: ServerState | None = None, take: Take = echo
) -> tuple[BoundedHttpProtocol, Wire]:
    async def application(*_: object) -> None:
        raise AssertionError("a hot path is answered in front of the application")

    def render(status: int, message: str) -> Response:
        return PlainTextResponse(message, status)

    hot = {"/hot": HotPath(take, is_logged=False)}
    edge = Edge(application, lambda _: 100, render, lambda path: path, hot)
    config = Config(
        edge, http=BoundedHttpProtocol, lifespan="off", log_config=None, proxy_headers=False
    )
    wire = Wire()
    protocol = BoundedHttpProtocol(config, server or ServerState(), {})
    protocol.connection_made(wire)
    return protocol, wire


async def test_of_many_requests_at_once_some_begin_and_others_have_their_turn_before_the_rest() -> (
    None
):
    began: list[bytes] = []
    seen: list[int] = []

    async def take(fields: Fields, body: bytes) -> Reply:
        if not began:
            asyncio.get_running_loop().call_soon(lambda: seen.append(len(began)))
        began.append(body)
        return await echo(fields, body)

    server = ServerState()
    connections = [await connect(server, take) for _ in range(50)]
    for protocol, _ in connections:
        protocol.data_received(REQUEST)
    await until(lambda: all(wire.written.endswith(b"\r\n\r\n{}") for _, wire in connections))
    assert 1 <= seen[0] < 25
    for protocol, _ in connections:
        protocol.connection_lost(None)


async def test_answers_wait_until_the_last_ones_are_read() -> None:
    protocol, wire = await connect()
    protocol.pause_writing()
    protocol.data_received(REQUEST)
    await asyncio.sleep(0.05)
    assert wire.written == b""
    protocol.resume_writing()
    await until(lambda: bool(wire.written))
    assert wire.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert wire.written.endswith(b"\r\n\r\n{}")
    protocol.connection_lost(None)


async def test_a_server_that_stops_closes_the_connection_after_the_answer() -> None:
    protocol, wire = await connect()
    protocol.data_received(REQUEST)
    protocol.shutdown()
    assert not wire.closed
    await until(lambda: wire.closed)
    assert b"\r\nconnection: close\r\n" in wire.written
    protocol.connection_lost(None)


async def test_a_body_has_its_bounds_here_too() -> None:
    protocol, wire = await connect()
    protocol.data_received(REQUEST.replace(b"Length: 2", b"Length: 101") + b"." * 99)
    await until(lambda: bool(wire.written))
    assert wire.written.startswith(b"HTTP/1.1 413 ")
    protocol.connection_lost(None)


async def test_nothing_is_written_to_a_client_that_left() -> None:
    protocol, wire = await connect()
    protocol.data_received(REQUEST)
    wire.close()
    protocol.connection_lost(None)
    await asyncio.sleep(0.05)
    assert wire.written == b""
