"""A server that answers from a script, for the parts of the simulation that ask one."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

import httpx

from partner_api.operations.simulation.tokens import Token, TokenSource
from tests.clock import StoppedClock

Handler = Callable[[httpx.Request], httpx.Response]

ENROLLED = {"data": {"deviceToken": "new"}}
CHECKED_IN = {"data": {"accepted": 1, "duplicates": 0, "checkInIntervalSeconds": 240}}


class Pauses:
    """Sleeps not at all, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Server:
    """Answers with one prepared answer after the other, the last one for ever; keeps what it got.

    An answer is a response, an error of the connection, or what makes a response of a request.
    """

    def __init__(self, *answers: httpx.Response | Exception | Handler) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.requests]

    @property
    def tokens(self) -> list[str]:
        return [request.headers["Authorization"].split()[1] for request in self.requests]


def source(clock: StoppedClock, *texts: str, lifetime: timedelta | None = None) -> TokenSource:
    left = list(texts)

    async def issue() -> Token:
        await asyncio.sleep(0)
        return Token(left.pop(0), clock.now() + lifetime if lifetime else None)

    return TokenSource(issue, clock)


def refusal(status: int, message: str = "No.") -> httpx.Response:
    return httpx.Response(status, json={"error": "Some Phrase", "message": message})
