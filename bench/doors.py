"""What knowing a caller costs: `make bench-doors`.

A read with a known token beside the same read of a server that asks nobody, and the issue of tokens
beside a route that needs none.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench.fleet import Fleet, fill, prepare
from bench.meter import Meter
from bench.product import Place, database
from bench.rounds import Contestant, Round, alternate, ratio
from bench.wrk import Request, write_requests
from partner_api.config import Settings
from partner_api.operations.environment import child_environment, secret_keys

_FORM = "application/x-www-form-urlencoded"


def main() -> None:
    """Measure, in a database of its own that is thrown away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    with database() as place:
        asyncio.run(_measure(place, options))


async def _measure(place: Place, options: argparse.Namespace) -> None:
    fleet = Fleet(options.devices, organizations=10)
    await prepare(place.databases)
    await fill(place.databases, fleet)
    with ExitStack() as stack:
        closed = stack.enter_context(_process(place, "partner_api.app"))
        opened = stack.enter_context(_process(place, "bench.open_door", fleet.msp))
        token = f"Bearer {_token(closed.url, fleet)}"
        known = Request("GET", fleet.path(7), token)
        asked = _contestant("with a known token", closed, known)
        anybody = _contestant("asking nobody", opened, known)
        issue = _contestant("tokens", closed, _token_request(fleet))
        free = _contestant("a free route", closed, Request("GET", "/v1/health"))
        pace = {"rounds": options.rounds, "seconds": options.seconds}
        found = await alternate([asked, anybody], **pace)
        print(f"known token / nobody asked   {ratio(found[0], found[1], _rate):.2f}")
        found = await alternate([issue, free], **pace)
        print(f"tokens / a free route        {ratio(found[0], found[1], _rate):.2f}")


def _rate(one: Round) -> float:
    return one.load.rate


@dataclass(frozen=True)
class _Process:
    url: str
    place: Place
    process: psutil.Process


def _contestant(name: str, process: _Process, request: Request) -> Contestant:
    file = process.place.data_dir.with_name(f"{name}.txt".replace(" ", "-"))
    meter = Meter(
        [process.process], process.place.postmaster, process.place.databases.require_owner()
    )
    return Contestant(name, process.url, write_requests(file, [request]), meter)


def _token_request(fleet: Fleet) -> Request:
    form = (
        f"grant_type=client_credentials&client_id={fleet.credential}"
        f"&client_secret={fleet.client_secret}"
    )
    return Request("POST", "/oauth/token", body=form, content_type=_FORM)


@contextmanager
def _process(place: Place, module: str, *arguments: str) -> Iterator[_Process]:
    """One API process by itself."""
    settings = Settings(data_dir=place.data_dir)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = child_environment(settings, place.databases, secret_keys(settings), url)
        command = [sys.executable, "-m", module, str(listener.fileno()), *arguments]
        process = subprocess.Popen(
            command,
            env=_inherited(environment),
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_ready(url)
            yield _Process(url, place, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(30)


def _inherited(environment: Mapping[str, str]) -> Mapping[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd()), **environment}


def _await_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError("an API process does not start")


def _token(url: str, fleet: Fleet) -> str:
    answer = httpx.post(
        f"{url}/oauth/token",
        content=_token_request(fleet).body,
        headers={"Content-Type": _FORM},
        timeout=20,
    )
    return str(answer.raise_for_status().json()["access_token"])


if __name__ == "__main__":
    main()
