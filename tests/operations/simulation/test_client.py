"""Patience with a server that is away."""

from collections.abc import Callable

import httpx
import pytest

from partner_api.operations.simulation.answers import Data, Enrolled
from partner_api.operations.simulation.client import Client, Refused
from tests.clock import StoppedClock
from tests.operations.simulation.support import ENROLLED, Pauses, Server, refusal, source


async def test_readiness_is_awaited_and_a_long_wait_is_told_once(
    connect: Callable[..., Client], pauses: Pauses
) -> None:
    away = (httpx.ConnectError("away"), refusal(503), refusal(404))
    told: list[int] = []
    server = Server(*away * 6, httpx.Response(200))
    await connect(server).wait_until_ready(lambda: told.append(len(server.requests)))
    assert [request.url.path for request in server.requests] == ["/readyz"] * 19
    assert len(pauses.seconds) == 18
    assert told == [10]


async def test_a_short_wait_is_not_worth_a_word(connect: Callable[..., Client]) -> None:
    server = Server(httpx.ConnectError("away"), httpx.Response(200))
    await connect(server).wait_until_ready(lambda: pytest.fail("told"))


async def test_a_request_outlasts_the_servers_absence(connect: Callable[..., Client]) -> None:
    broken = (httpx.ConnectError("away"), httpx.ReadTimeout("slow"))
    away = (refusal(503), refusal(500))
    client = connect(Server(*broken * 3, *away * 3, httpx.Response(200, json=ENROLLED)))
    answer = await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
    assert answer.data.device_token == "new"
    assert client.tally.errors == 12


async def test_pauses_grow_with_jitter_up_to_a_limit(
    connect: Callable[..., Client], pauses: Pauses
) -> None:
    away = [httpx.ConnectError("away")] * 9
    client = connect(Server(*away, httpx.Response(200, json=ENROLLED)))
    await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
    limits = [0.5, 1, 2, 4, 8, 15, 15, 15, 15]
    assert all(
        limit / 2 <= pause <= limit for pause, limit in zip(pauses.seconds, limits, strict=True)
    )
    assert len(set(pauses.seconds)) == 9


async def test_the_pause_a_server_asks_for_is_kept(
    connect: Callable[..., Client], pauses: Pauses
) -> None:
    busy = httpx.Response(503, headers={"Retry-After": "30"})
    client = connect(Server(busy, httpx.Response(200, json=ENROLLED)))
    await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
    assert 30 < pauses.seconds[0] <= 30.5


async def test_every_attempt_is_made_anew(connect: Callable[..., Client]) -> None:
    server = Server(httpx.ConnectError("away"), httpx.Response(200, json=ENROLLED))
    client = connect(server)
    attempts = iter([1, 2])
    await client.ask(
        lambda: client.request("POST", "/x", json={"attempt": next(attempts)}), Data[Enrolled]
    )
    assert server.bodies == [{"attempt": 1}, {"attempt": 2}]


async def test_a_refusal_is_told_at_once(connect: Callable[..., Client], pauses: Pauses) -> None:
    client = connect(Server(refusal(409, "It is elsewhere.")))
    with pytest.raises(Refused, match=r"GET /x was answered 409: It is elsewhere\.") as caught:
        await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])
    assert caught.value.status == 409
    assert not pauses.seconds


async def test_a_refusal_in_another_shape_is_told_by_its_status(
    connect: Callable[..., Client],
) -> None:
    client = connect(Server(httpx.Response(404, text="<html>")))
    with pytest.raises(Refused, match="404: Not Found"):
        await client.ask(lambda: client.request("GET", "/x"), Data[Enrolled])


async def test_a_token_that_is_refused_is_renewed_once(
    connect: Callable[..., Client], clock: StoppedClock
) -> None:
    server = Server(refusal(401), httpx.Response(200, json=ENROLLED))
    client = connect(server)
    tokens = source(clock, "old", "fresh")
    await client.ask_as(tokens, lambda token: client.request("GET", "/x", token), Data[Enrolled])
    assert server.tokens == ["old", "fresh"]


async def test_a_renewed_token_that_is_refused_is_a_refusal(
    connect: Callable[..., Client], clock: StoppedClock
) -> None:
    client = connect(Server(refusal(401)))
    tokens = source(clock, "old", "fresh")
    with pytest.raises(Refused, match="401"):
        await client.ask_as(
            tokens, lambda token: client.request("GET", "/x", token), Data[Enrolled]
        )
