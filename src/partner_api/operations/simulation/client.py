"""Requests that outlast a server's absence: tried again until they are answered."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from itertools import count
from random import Random
from typing import TypeVar

import httpx
import msgspec

from partner_api.kernel.errors import PartnerApiError
from partner_api.operations.simulation.answers import Problem
from partner_api.operations.simulation.tally import Tally
from partner_api.operations.simulation.tokens import TokenSource

Answer = TypeVar("Answer")
Sleep = Callable[[float], Awaitable[None]]

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
_BETWEEN_READINESS_CHECKS_SECONDS = 0.5
_CHECKS_BEFORE_SAYING_SO = 10
_TRY_AGAIN = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class Refused(PartnerApiError):
    """The server understood a request and will not do it, however often it is asked."""

    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        super().__init__(
            f"{request.method} {request.url.path} was answered {response.status_code}: "
            f"{_message(response)}"
        )
        self.status = response.status_code


class Client:
    """Sends the whole fleet's requests.

    What a request is made by is called anew for each attempt, so that no attempt carries an old
    token or tells an old time.
    """

    def __init__(
        self, http: httpx.AsyncClient, random: Random, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.tally = Tally()
        self._http = http
        self._random = random
        self._sleep = sleep

    async def wait_until_ready(self, say_waiting: Callable[[], None]) -> None:
        """Return once the server can serve; say so if that takes a while."""
        for checks in count(1):
            response = await self._attempt(self.request("GET", "/readyz"))
            if response is not None and response.status_code == HTTPStatus.OK:
                return
            if checks == _CHECKS_BEFORE_SAYING_SO:
                say_waiting()
            await self._sleep(_BETWEEN_READINESS_CHECKS_SECONDS)

    def request(
        self,
        method: str,
        path: str,
        token: str | None = None,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        """A request to the server, from whoever the token stands for."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self._http.build_request(
            method, path, headers=headers, json=json, data=form, params=query
        )

    async def ask_as(
        self, tokens: TokenSource, make: Callable[[str], httpx.Request], answer: type[Answer]
    ) -> Answer:
        """The answer to a request with a token, renewed once if it is no longer taken; Refused."""
        token = await tokens.get()
        try:
            return await self.ask(lambda: make(token), answer)
        except Refused as refused:
            if refused.status != HTTPStatus.UNAUTHORIZED:
                raise
        tokens.forget(token)
        renewed = await tokens.get()
        return await self.ask(lambda: make(renewed), answer)

    async def ask(self, make: Callable[[], httpx.Request], answer: type[Answer]) -> Answer:
        """The answer to a request, however long it takes the server to give one; Refused."""
        pauses = self._pauses()
        while True:
            response = await self._attempt(make())
            if response is not None and response.status_code not in _TRY_AGAIN:
                return _read(response, answer)
            self.tally.errors += 1
            # Our own pause on top of the one asked for: a fleet must not return as one.
            await self._sleep(_asked_pause(response) + next(pauses))

    async def _attempt(self, request: httpx.Request) -> httpx.Response | None:
        try:
            return await self._http.send(request)
        except httpx.TransportError:
            return None

    def _pauses(self) -> Iterator[float]:
        longest = _FIRST_PAUSE_SECONDS
        while True:
            yield self._random.uniform(longest / 2, longest)
            longest = min(2 * longest, _LONGEST_PAUSE_SECONDS)


def _asked_pause(response: httpx.Response | None) -> int:
    text = "" if response is None else response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _read(response: httpx.Response, answer: type[Answer]) -> Answer:
    if not response.is_success:
        raise Refused(response)
    return msgspec.json.decode(response.content, type=answer)


def _message(response: httpx.Response) -> str:
    try:
        return msgspec.json.decode(response.content, type=Problem).message
    except msgspec.DecodeError:
        return response.reason_phrase
