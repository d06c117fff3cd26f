"""What can go wrong between an agent and its server, request by request."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.blackbox.server import TLS

LATE_SECONDS = 1.0
"""Longer than the agents of these tests wait."""


class Fault(StrEnum):
    """What happens to a request."""

    NONE = "none"
    AWAY = "the connection is closed, the server hears nothing"
    BUSY = "503 with Retry-After, the server hears nothing"
    CUT = "the server takes it, the connection is closed before its answer"
    HALF = "the server takes it, the connection is closed in its answer"
    LATE = "the server takes it, its answer comes when nobody waits any more"
    HANG = "nobody ever answers"
    LIE_PAST = "the server's clock seems to stand in 1999"
    LIE_FUTURE = "the server's clock seems to stand in 2100"


_LIES = {Fault.LIE_PAST: 1999, Fault.LIE_FUTURE: 2100}


class Proxy:
    """Passes requests on to a server; `next_fault` says what happens to each."""

    def __init__(self, target: str) -> None:
        self._http = httpx.Client(base_url=target, timeout=20, verify=TLS)
        self._ended = threading.Event()
        self.next_fault: Callable[[], Fault] = lambda: Fault.NONE
        self.heard: list[list[int]] = []
        """The sequence numbers of each list of check-ins the server took, in order."""

    def always(self, fault: Fault) -> None:
        self.next_fault = lambda: fault

    @contextmanager
    def serving(self) -> Iterator["Proxy"]:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()
            self._http.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                proxy._answer(self, body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        fault = self.next_fault()
        if fault is Fault.AWAY:
            return
        if fault is Fault.HANG:
            self._ended.wait()
            return
        if fault is Fault.BUSY:
            busy = {"error": "Service Unavailable", "message": "Busy"}
            self._write(handler, httpx.Response(503, json=busy, headers={"Retry-After": "5"}))
            return
        try:
            response = self._pass_on(handler, body)
        except httpx.TransportError:
            # The server died: closing the connection is what it would have done.
            return
        if fault is Fault.LATE:
            time.sleep(LATE_SECONDS)
        if fault is not Fault.CUT:
            self._write(handler, _lied(response, fault), whole=fault is not Fault.HALF)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> httpx.Response:
        headers = {name: handler.headers[name] for name in ("Authorization", "Content-Type")}
        response = self._http.post(handler.path, content=body, headers=headers)
        if response.status_code == 200 and handler.path.endswith("/check-ins"):
            self.heard.append([item["sequence"] for item in json.loads(body)["checkIns"]])
        return response

    def _write(
        self, handler: BaseHTTPRequestHandler, response: httpx.Response, *, whole: bool = True
    ) -> None:
        content = response.content
        try:
            handler.send_response_only(response.status_code)
            for name in ("Date", "Retry-After"):
                if name in response.headers:
                    handler.send_header(name, response.headers[name])
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content if whole else content[: len(content) // 2])
        except ConnectionError:
            # The agent has gone, which is what some of these tests are about.
            handler.close_connection = True


def _lied(response: httpx.Response, fault: Fault) -> httpx.Response:
    year = _LIES.get(fault)
    if year is None or response.status_code != 200:
        return response
    content = response.json()
    content["data"]["lastSeen"] = f"{year}-01-01T00:00:00Z"
    date = formatdate((year - 1970) * 365.25 * 86400, usegmt=True)
    return httpx.Response(200, json=content, headers={"Date": date})
