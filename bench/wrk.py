"""Rounds of load by wrk, which takes its requests from a file: one line each, parts by tabs."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partner_api.kernel.errors import Misconfigured

_SCRIPT = Path(__file__).with_name("requests.lua")
_PACED = Path(__file__).with_name("paced.lua")


@dataclass(frozen=True)
class Request:
    """One request of the many that wrk sends in turn."""

    method: str
    path: str
    authorization: str = ""
    body: str = ""
    content_type: str = "application/json"


@dataclass(frozen=True)
class Load:
    """What a round of load found."""

    requests: int
    seconds: float
    refused: int
    """Answers that were not 2xx, and errors of the connection."""
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class PacedLoad(Load):
    """What a load at a given pace found; latencies are counted from when a request was sent."""

    late: int
    """Requests that were sent a tenth of a second or more after they were due."""
    worst_ms: float
    """How long after."""


def write_requests(path: Path, requests: Iterable[Request]) -> Path:
    """The file wrk reads."""
    lines = (
        f"{r.method}\t{r.path}\t{r.authorization}\t{r.content_type}\t{r.body}" for r in requests
    )
    path.write_text("\n".join(lines), encoding="ascii")
    return path


async def check_in(
    base: str, path: str, body: str, tokens: Path, *, rate: float, connections: int, seconds: int
) -> PacedLoad:
    """Post a check-in for each token of a file in turn, so many a second."""
    process = await asyncio.create_subprocess_exec(
        *_command(_PACED, base, connections, seconds),
        env={
            **os.environ,
            "CHECK_INS": path,
            "BODY": body,
            "TOKENS": str(tokens),
            "RATE": str(rate),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), seconds + 60)
    found = json.loads(output.splitlines()[-1])
    return PacedLoad(**_load(found), late=found["late"], worst_ms=found["worst"] / 1000)


def run(
    base: str, requests: Path, *, connections: int = 64, seconds: int = 10, first: int = 0
) -> Load:
    """Load a server for a while, closed loop, one thread; begin behind the first requests."""
    done = subprocess.run(
        _command(_SCRIPT, base, connections, seconds),
        env={**os.environ, "REQUESTS": str(requests), "FIRST": str(first)},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    return Load(**_load(json.loads(done.stdout.splitlines()[-1])))


def _command(script: Path, base: str, connections: int, seconds: int) -> Sequence[str]:
    program = shutil.which("wrk")
    if program is None:
        raise Misconfigured("wrk is needed: apt-get install wrk")
    return [program, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), base]


def _load(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "requests": found["requests"],
        "seconds": found["microseconds"] / 1e6,
        "refused": found["refused"],
        "p50_ms": found["p50"] / 1000,
        "p99_ms": found["p99"] / 1000,
    }
