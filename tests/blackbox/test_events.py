"""Streams and waits over real connections, up to the end of the process that serves them."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.blackbox.server import TLS, Integrator, Server, wait_until

STREAM = "/v1/events/stream"


def test_a_stream_and_a_wait_hear_of_it_and_end_with_the_server(
    server: Server, integrator: Integrator
) -> None:
    with (
        httpx.Client(
            base_url=server.url, headers=integrator.headers, timeout=20, verify=TLS
        ) as client,
        ThreadPoolExecutor() as threads,
    ):
        wait_until(lambda: bool(listed(client)), 5, "the first event's place in the log")
        after = listed(client)[-1]["id"]
        with client.stream("GET", STREAM, params={"after": after}) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            waiting = threads.submit(client.get, "/v1/events", params={"after": after, "wait": 20})
            integrator.create_organization("Heard of")
            told, page = next(events(lines)), waiting.result(5).json()
            assert told["type"] == "org.created"
            assert page["data"] == [told]
            more = {"after": told["id"], "wait": 20}
            waiting = threads.submit(client.get, "/v1/events", params=more)
            time.sleep(0.3)
            began = time.monotonic()
            for process in server.children("partner_api.app"):
                process.terminate()
            assert list(events(lines)) == [], "and the answer is whole"
            assert waiting.result(5).json()["data"] == []
            assert time.monotonic() - began < 3
    wait_until(server.is_ready, 20, "the next process")


def test_a_connection_goes_on_after_the_head_of_a_stream(
    server: Server, integrator: Integrator
) -> None:
    limits = httpx.Limits(max_connections=1)
    headers = integrator.headers
    with httpx.Client(
        base_url=server.url, headers=headers, timeout=5, limits=limits, verify=TLS
    ) as client:
        assert client.head(STREAM).status_code == 200
        assert client.get("/v1/health").status_code == 200


def listed(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/events").json()["data"]
    return found


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
