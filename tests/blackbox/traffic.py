"""Devices that check in and an integrator that reads through one server, all the while."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.blackbox.server import TLS, Integrator, wait_until

PAUSE_SECONDS = 0.2
DEVICES = 4

Headers = dict[str, str]
Send = Callable[[httpx.Client, int], httpx.Response]
"""Sends a program's request of some number, the first being 1."""


@dataclass
class Caller:
    """One program that sends the same kind of request again and again."""

    send: Send
    statuses: list[int] = field(default_factory=list)

    def call_until(self, stop: threading.Event, client: httpx.Client) -> None:
        """Call; raises when a request is not answered."""
        while not stop.is_set():
            self.statuses.append(self.send(client, len(self.statuses) + 1).status_code)
            time.sleep(PAUSE_SECONDS)


class Traffic:
    """What goes through one server, with every status it was answered."""

    def __init__(self, integrator: Integrator) -> None:
        org_id = integrator.create_organization()
        figures = f"/v1/msp/{integrator.msp['mspId']}/stats"
        paths = ("/v1/devices", "/v1/organizations", figures)
        self._url = integrator.url
        self._devices = {
            client_id: Caller(_check_in(headers))
            for client_id, headers in (integrator.enroll(org_id) for _ in range(DEVICES))
        }
        self._readers = [Caller(_read(path, integrator.headers)) for path in paths]

    @property
    def statuses(self) -> Counter[int]:
        """How many requests were answered with each status."""
        return Counter(status for caller in self._callers for status in caller.statuses)

    @property
    def check_ins(self) -> dict[str, int]:
        """How many check-ins of each device were answered."""
        return {client_id: len(caller.statuses) for client_id, caller in self._devices.items()}

    @contextmanager
    def going(self) -> Iterator[None]:
        """Call all the while; at the end every request that was begun has been answered."""
        stop = threading.Event()
        with (
            httpx.Client(base_url=self._url, timeout=20, verify=TLS) as client,
            ThreadPoolExecutor(len(self._callers)) as pool,
        ):
            calling = [pool.submit(each.call_until, stop, client) for each in self._callers]
            try:
                yield
            finally:
                stop.set()
            for each in calling:
                each.result()

    def await_answers(self, more: int) -> None:
        """Wait until every caller has been answered so many times more."""
        wanted = [len(caller.statuses) + more for caller in self._callers]
        wait_until(
            lambda: all(
                len(caller.statuses) >= count
                for caller, count in zip(self._callers, wanted, strict=True)
            ),
            20,
            f"{more} more answers for each caller",
        )

    @property
    def _callers(self) -> list[Caller]:
        return [*self._devices.values(), *self._readers]


def _check_in(headers: Headers) -> Send:
    return lambda client, number: client.post(
        "/v1/agent/check-ins", json={"sequence": number}, headers=headers
    )


def _read(path: str, headers: Headers) -> Send:
    return lambda client, _number: client.get(path, headers=headers)
