"""What the edge counts and logs of a request, by what became of it."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from partner_api import edge
from partner_api.edge import Edge, Fields, HotPath, Reply
from partner_api.operations.logging import LogFormat, configure_logging

PART: Message = {"type": "http.request", "body": b"{", "more_body": True}
WHOLE: Message = {"type": "http.request", "body": b"{}", "more_body": False}
LEFT: Message = {"type": "http.disconnect"}


class Connection:
    """A client that says these things and then waits, for as long as it takes."""

    def __init__(self, *said: Message) -> None:
        self._said = list(said)
        self.answered: list[Message] = []

    async def receive(self) -> Message:
        if not self._said:
            await asyncio.Event().wait()
        return self._said.pop(0)

    async def send(self, message: Message) -> None:
        self.answered.append(message)


class Routed:
    """An application that knows routes, and notes the matching one as FastAPI does."""

    def __init__(self, act: Callable[[], Any]) -> None:
        async def endpoint(request: Request) -> Response:
            await request.body()
            await act()
            return PlainTextResponse("done")

        self.routes = [Route("/v1/things/{thing}", endpoint, methods=["GET", "POST"])]
        self._app = Starlette(routes=self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = next(
            (route for route in self.routes if route.path_regex.match(scope["path"])), None
        )
        await self._app(scope, receive, send)

    def route_for(self, path: str) -> str | None:
        return next((r.path for r in self.routes if r.path_regex.fullmatch(path)), None)


async def nothing() -> None:
    """Take no time."""


async def ask(
    said: Sequence[Message],
    *,
    method: str = "POST",
    path: str = "/v1/things/1",
    act: Callable[[], Any] = nothing,
    limit: int = 1000,
    route_for: Callable[[str], str | None] | None = None,
) -> Connection:
    app, connection = Routed(act), Connection(*said)

    def render(status: int, message: str) -> Response:
        return PlainTextResponse(message, status)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    with suppress(asyncio.CancelledError):
        served = Edge(app, lambda _: limit, render, route_for or app.route_for)
        await served(scope, connection.receive, connection.send)
    return connection


def counted(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("partner_api_requests_total", labels) or 0.0


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([WHOLE], 200),
        # It left before its body was whole, and before it was answered.
        ([PART, LEFT], 499),
        ([WHOLE, LEFT], 499),
    ],
)
async def test_a_request_counts_under_its_route_with_499_when_its_client_left(
    said: Sequence[Message], status: int
) -> None:
    before = counted("POST", "/v1/things/{thing}", status)
    await ask(said)
    assert counted("POST", "/v1/things/{thing}", status) == before + 1


async def test_a_body_that_is_refused_counts_under_its_route() -> None:
    before = counted("POST", "/v1/things/{thing}", 413)
    await ask([WHOLE], limit=1)
    assert counted("POST", "/v1/things/{thing}", 413) == before + 1


async def test_a_request_that_is_cancelled_counts_as_the_servers_fault() -> None:
    async def cancel() -> None:
        raise asyncio.CancelledError

    before = counted("POST", "/v1/things/{thing}", 500)
    await ask([WHOLE], act=cancel)
    assert counted("POST", "/v1/things/{thing}", 500) == before + 1


async def test_head_ends_with_the_head_of_the_answer() -> None:
    answered = (await ask([WHOLE], method="HEAD")).answered
    assert [message["type"] for message in answered] == [
        "http.response.start",
        "http.response.body",
    ]
    assert answered[1].get("body", b"") == b""
    assert not answered[1].get("more_body", False)
    assert dict(answered[0]["headers"])[b"content-length"] == b"4"


async def test_head_counts_under_the_route_of_get() -> None:
    before = counted("HEAD", "/v1/things/{thing}", 200)
    await ask([WHOLE], method="HEAD", route_for=lambda _: None)
    assert counted("HEAD", "/v1/things/{thing}", 200) == before + 1


async def test_a_path_without_a_route_counts_as_unmatched() -> None:
    before = counted("GET", "unmatched", 404)
    await ask([WHOLE], method="GET", path="/v1/nothing")
    assert counted("GET", "unmatched", 404) == before + 1


async def test_looking_for_a_client_that_left_takes_nothing_from_one_that_stays() -> None:
    connection = await ask([WHOLE])
    assert [message["type"] for message in connection.answered] == [
        "http.response.start",
        "http.response.body",
    ]
    assert connection.answered[0]["status"] == 200


class TestLog:
    @pytest.fixture(autouse=True)
    def _own_logging(self) -> Any:
        root, libraries = logging.getLogger(), ("alembic", "httpx", "uvicorn")
        kept = root.handlers[:], root.level
        levels = [logging.getLogger(name).level for name in libraries]
        root.handlers.clear()
        yield
        root.handlers[:], root.level = kept
        for name, level in zip(libraries, levels, strict=True):
            logging.getLogger(name).setLevel(level)

    @pytest.mark.parametrize(
        ("said", "path", "line"),
        [
            ([WHOLE], "/v1/things/1", None),
            ([WHOLE], "/v1/nothing", "INFO partner_api.edge: POST unmatched 404, "),
            ([PART, LEFT], "/v1/things/1", "INFO partner_api.edge: POST /v1/things/{thing} 499, "),
        ],
    )
    async def test_text_has_what_did_not_go_well(
        self,
        capsys: pytest.CaptureFixture[str],
        said: Sequence[Message],
        path: str,
        line: str | None,
    ) -> None:
        configure_logging(LogFormat.TEXT)
        await ask(said, path=path)
        written = capsys.readouterr().err
        assert (line in written) if line else (written == "")

    async def test_text_has_what_was_slow(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure_logging(LogFormat.TEXT)
        monkeypatch.setattr(edge, "SLOW_SECONDS", 0.0)
        await ask([WHOLE])
        assert "POST /v1/things/{thing} 200, " in capsys.readouterr().err
        monkeypatch.setattr(edge, "WAITS", {"/v1/things/{thing}"})
        await ask([WHOLE])
        assert capsys.readouterr().err == "", "what waits takes long"

    @pytest.mark.parametrize(("said", "status"), [([WHOLE], 200), ([WHOLE, LEFT], 499)])
    async def test_json_has_every_request(
        self, capsys: pytest.CaptureFixture[str], said: Sequence[Message], status: int
    ) -> None:
        configure_logging(LogFormat.JSON)
        await ask(said)
        line = json.loads(capsys.readouterr().err)
        assert (line["level"], line["route"]) == ("INFO", "/v1/things/{thing}")
        assert line["status"] == status
        assert line["requestId"]
        assert line["milliseconds"] >= 0

    @pytest.mark.parametrize("is_logged", [True, False])
    async def test_json_has_hot_requests_unless_there_are_too_many(
        self, capsys: pytest.CaptureFixture[str], *, is_logged: bool
    ) -> None:
        async def take(_fields: Fields, body: bytes) -> Reply:
            return Reply(200, [], body)

        def render(status: int, message: str) -> Response:
            return PlainTextResponse(message, status)

        configure_logging(LogFormat.JSON)
        hot = {"/hot": HotPath(take, is_logged=is_logged)}
        served = Edge(Routed(nothing), lambda _: 9, render, lambda path: path, hot)
        connection = Connection(WHOLE)
        scope = {"type": "http", "method": "POST", "path": "/hot", "headers": []}
        await served(scope, connection.receive, connection.send)
        await served.reply("/hot", [], b"{}", lambda: False)
        assert [message.get("body") for message in connection.answered] == [None, b"{}"]
        assert capsys.readouterr().err.count('"/hot"') == 2 * is_logged

    @pytest.mark.parametrize("log_format", LogFormat)
    @pytest.mark.parametrize("said", [[WHOLE], [WHOLE, LEFT]])
    async def test_a_probe_that_went_well_or_was_given_up_is_in_no_log(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        said: Sequence[Message],
        log_format: LogFormat,
    ) -> None:
        configure_logging(log_format)
        monkeypatch.setattr(edge, "PROBES", {"/v1/things/{thing}"})
        await ask(said)
        assert capsys.readouterr().err == ""

    async def test_a_probe_that_failed_is_in_the_log(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure_logging(LogFormat.TEXT)
        monkeypatch.setattr(edge, "PROBES", {"/v1/things/{thing}"})
        await ask([WHOLE], limit=1)
        assert "POST /v1/things/{thing} 413, " in capsys.readouterr().err
