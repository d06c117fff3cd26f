"""Devices that number their check-ins and send each until it is answered."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.blackbox.server import TLS, Integrator, wait_until

PATH = "/v1/agent/check-ins"
PATIENCE_SECONDS = 3.0
LONGEST_OUTAGE_SECONDS = 60.0


@dataclass
class Device:
    """One device, with what it has written down."""

    client_id: str
    headers: dict[str, str]
    answered: list[int] = field(default_factory=list)
    """The sequence numbers that were answered 200."""
    repeated: int = 0
    """Of those, how many the server had counted before: their first answer was lost."""


class Fleet:
    """Devices of one organization, each at its own pace."""

    def __init__(self, integrator: Integrator, size: int, pause_seconds: float) -> None:
        org_id = integrator.create_organization("Faulty Networks Inc")
        self.devices = [Device(*integrator.enroll(org_id)) for _ in range(size)]
        self.statuses: Counter[int] = Counter()
        """How many requests were answered with each status."""
        self.unanswered = 0
        """How many requests ended without an answer."""
        self._pause_seconds = pause_seconds

    @property
    def requests(self) -> int:
        return self.unanswered + self.statuses.total()

    @property
    def answered(self) -> int:
        return sum(len(device.answered) for device in self.devices)

    @property
    def repeated(self) -> int:
        return sum(device.repeated for device in self.devices)

    def await_progress(self) -> None:
        """Wait for an answered check-in."""
        before = self.answered
        wait_until(lambda: self.answered > before, LONGEST_OUTAGE_SECONDS, "an answered check-in")

    @contextmanager
    def checking_in(self, url: str) -> Iterator[None]:
        """Check in all the while; at the end every check-in that was begun is answered."""
        stop = asyncio.Event()
        with (
            asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
            ThreadPoolExecutor(1) as thread,
        ):
            loop = runner.get_loop()
            running = thread.submit(runner.run, self._run(url, stop))
            try:
                yield
            finally:
                loop.call_soon_threadsafe(stop.set)
            running.result()

    async def _run(self, url: str, stop: asyncio.Event) -> None:
        async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as group:
            for device in self.devices:
                group.create_task(self._live(device, url, stop))
            await stop.wait()
            patience.reschedule(asyncio.get_running_loop().time() + LONGEST_OUTAGE_SECONDS)

    async def _live(self, device: Device, url: str, stop: asyncio.Event) -> None:
        # A client for each: one for all looks through its connections so long that answers seem
        # late which the server gave in time.
        async with httpx.AsyncClient(
            base_url=url, headers=device.headers, timeout=PATIENCE_SECONDS, verify=TLS
        ) as client:
            while not stop.is_set():
                sequence = len(device.answered) + 1
                data = await self._check_in(client, sequence, stop)
                assert data["accepted"] + data["duplicates"] == 1, data
                device.answered.append(sequence)
                device.repeated += data["duplicates"]
                await asyncio.sleep(random.uniform(0, 2 * self._pause_seconds))

    async def _check_in(self, client: httpx.AsyncClient, sequence: int, stop: asyncio.Event) -> Any:
        """Send the same check-in again until it is answered 200; what the answer says."""
        while True:
            try:
                answer = await client.post(PATH, json={"sequence": sequence})
            except httpx.TransportError:
                self.unanswered += 1
                await asyncio.sleep(random.uniform(0, 0.5))
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                return answer.json()["data"]
            await _rest(float(answer.headers.get("Retry-After", "1")), stop)


async def _rest(seconds: float, stop: asyncio.Event) -> None:
    """Wait so long, or until the end, and a moment more: not all come back at once."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    await asyncio.sleep(random.uniform(0, 0.5))
