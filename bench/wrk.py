"""Rounds of load by wrk, which takes its requests from a file: one line each, parts by tabs."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from partner_api.kernel.errors import Misconfigured

_SCRIPT = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True)
class Request:
    """One request of the many that wrk sends in random order."""

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


def write_requests(path: Path, requests: Iterable[Request]) -> Path:
    """The file wrk reads."""
    lines = (
        f"{r.method}\t{r.path}\t{r.authorization}\t{r.content_type}\t{r.body}" for r in requests
    )
    path.write_text("\n".join(lines), encoding="ascii")
    return path


def run(base: str, requests: Path, *, connections: int = 64, seconds: int = 10) -> Load:
    """Load a server for a while, closed loop, one thread."""
    program = shutil.which("wrk")
    if program is None:
        raise Misconfigured("wrk is needed: apt-get install wrk")
    done = subprocess.run(
        [program, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT), base],
        env={**os.environ, "REQUESTS": str(requests)},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return Load(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        refused=found["refused"],
        p50_ms=found["p50"] / 1000,
        p99_ms=found["p99"] / 1000,
    )
