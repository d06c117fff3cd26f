"""Devices that number their check-ins and send each until it is answered."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.blackbox.server import Integrator, wait_until

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
        stop = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(asyncio.run, self._run(url, stop))
            try:
                yield
            finally:
                stop.set()
            running.result()

    async def _run(self, url: str, stop: threading.Event) -> None:
        async with (
            httpx.AsyncClient(
                base_url=url,
                timeout=PATIENCE_SECONDS,
                limits=httpx.Limits(max_connections=None),
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            for device in self.devices:
                group.create_task(self._live(device, client, stop))

    async def _live(self, device: Device, client: httpx.AsyncClient, stop: threading.Event) -> None:
        while not stop.is_set():
            sequence = len(device.answered) + 1
            data = await self._check_in(device, client, sequence)
            assert data["accepted"] + data["duplicates"] == 1, data
            device.answered.append(sequence)
            device.repeated += data["duplicates"]
            await asyncio.sleep(random.uniform(0, 2 * self._pause_seconds))

    async def _check_in(self, device: Device, client: httpx.AsyncClient, sequence: int) -> Any:
        """Send the same check-in again until it is answered 200; what the answer says."""
        while True:
            try:
                answer = await client.post(
                    PATH, json={"sequence": sequence}, headers=device.headers
                )
            except httpx.TransportError:
                self.unanswered += 1
                await asyncio.sleep(random.uniform(0, 0.5))
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                return answer.json()["data"]
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
