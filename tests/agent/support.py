"""What the agent's tests share: time that hurries, prepared answers, an agent put together."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx

from partner_api.agent.clock import DeviceClock, Moment
from partner_api.agent.measuring.measurer import Measurer, Sample
from partner_api.agent.runner import Agent
from partner_api.agent.server import Server
from partner_api.agent.spool import Spool

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN = "nwx_dt_prepared"

Handler = Callable[[httpx.Request], httpx.Response]


def moment(seconds: float, *, wall: datetime = START, boot: str = "boot") -> Moment:
    """A moment so long after the start."""
    return Moment(wall + timedelta(seconds=seconds), boot, seconds)


def hurried(times: float) -> Callable[[float], Awaitable[None]]:
    """Sleep, that many times faster."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / times)

    return sleep


class Pauses:
    """Sleeps hardly at all, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0.002)


class Most(Random):
    """Draws the largest number there is to draw."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class SetClock(DeviceClock):
    """The device's clock, wrong by what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong_by = timedelta()

    def now(self) -> Moment:
        now = super().now()
        return Moment(now.wall + self.wrong_by, now.boot, now.ticks)


class Answers:
    """A server that takes everything, unless the next of its prepared answers says otherwise."""

    def __init__(self, *prepared: httpx.Response | Exception) -> None:
        self.prepared = list(prepared)
        self.interval = 240
        self.requests: list[httpx.Request] = []
        self.check_ins: list[dict[str, Any]] = []
        self.log_lines: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.prepared:
            answer = self.prepared.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        items = json.loads(request.content)
        if request.url.path.endswith("/logs"):
            self.log_lines += items
            return taken(len(items))
        self.check_ins += items["checkIns"]
        return taken(len(items["checkIns"]), checkInIntervalSeconds=self.interval)

    def http(self, address: str = "http://127.0.0.1") -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=address, transport=httpx.MockTransport(self))

    @property
    def messages(self) -> list[str]:
        return [line["payload"]["message"] for line in self.log_lines]


def taken(count: int, *rejected: str, **more: Any) -> httpx.Response:
    """The server's answer to a list."""
    messages = [{"index": n, "message": message} for n, message in enumerate(rejected)]
    return httpx.Response(200, json={"data": {"accepted": count, "rejected": messages, **more}})


def refused(status: int, message: str = "No", **headers: str) -> httpx.Response:
    """The server's answer when it does not take something."""
    return httpx.Response(status, json={"error": "Error", "message": message}, headers=headers)


class Assembled:
    """An agent on a spool of its own, speaking with prepared answers."""

    def __init__(
        self,
        folder: Path,
        answers: Answers,
        spool: Spool | None = None,
        sample: Callable[[], Sample] | None = None,
    ) -> None:
        self.spool = spool or Spool(folder / "spool.sqlite3")
        self.answers = answers
        self.pauses = Pauses()
        self.said: list[str] = []
        self.http = answers.http()
        self.clock = SetClock()
        self.agent = Agent(
            self.spool,
            Server(self.http, TOKEN),
            {"os": "Linux", "currentVersion": "1.0.0"},
            240,
            self.said.append,
            clock=self.clock,
            random=Most(),
            sleep=self.pauses,
            measurer=Measurer(sample, 0, self.clock) if sample else None,
        )

    def waiting(self) -> int:
        return len(self.spool.check_ins.oldest(1000))

    async def run_until(self, condition: Callable[[], bool]) -> None:
        """Run until something is true, for five seconds at most."""
        running = asyncio.create_task(self.agent.run())
        try:
            async with asyncio.timeout(5):
                while not condition() and not running.done():  # noqa: ASYNC110 - any condition
                    await asyncio.sleep(0.002)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if not running.cancelled():
            running.result()

    async def close(self) -> None:
        self.spool.close()
        await self.http.aclose()
