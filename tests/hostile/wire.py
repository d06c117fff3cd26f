"""Bytes on a socket, for what no HTTP client would send."""

import json
import re
import socket
import time
from dataclasses import dataclass

from tests.blackbox.server import Server


@dataclass(frozen=True)
class Said:
    """What came back on a connection, and whether the server closed it."""

    data: bytes
    closed: bool
    seconds: float

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.data)]

    @property
    def body(self) -> dict[str, str]:
        """The last answer's body."""
        parsed: dict[str, str] = json.loads(self.data.rpartition(b"\r\n\r\n")[2])
        return parsed


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def say(server: Server, data: bytes, *, then_close: bool = False, seconds: float = 5) -> Said:
    """Send bytes and listen until the server closes the connection or time is up."""
    with connect(server) as connection:
        try:
            connection.sendall(data)
            if then_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            # Refused before all of it was said; what it answered is still there.
            pass
        return hear(connection, seconds)


def hear(connection: socket.socket, seconds: float) -> Said:
    """Listen until the server closes the connection or time is up."""
    started, data = time.monotonic(), b""
    connection.settimeout(seconds)
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except TimeoutError:
        return Said(data, closed=False, seconds=time.monotonic() - started)
    except ConnectionError:
        # Closed with bytes of ours unread.
        pass
    return Said(data, closed=True, seconds=time.monotonic() - started)
