"""A device with an agent, and what the server knows of it."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from partner_api.agent.cli import app as agent
from partner_api.agent.clock import DeviceClock
from partner_api.agent.enrollment import Wish, enroll
from partner_api.agent.program import run_agent
from partner_api.agent.state import StateDirectory
from partner_api.kernel.timestamps import parse_timestamp
from tests.agent.support import hurried
from tests.blackbox.server import TLS, Integrator, clean_environment

TIMES = 3000
"""How much faster than usual agents run here: four minutes are 80 ms."""

ONCE = ("run", "--once", "--no-measure")
"""The command that checks in at once."""

IMPATIENT = httpx.Timeout(0.6, connect=1)

_ROOT = Path(__file__).parents[2]


@dataclass
class Device:
    """One state directory, and the device it makes at a server."""

    path: Path
    integrator: Integrator
    clock: DeviceClock = field(default_factory=DeviceClock)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory = StateDirectory(self.path)
        self.org_id = self.integrator.create_organization(f"Acme {self.path.parent.name}")

    def enrollment_token(self, org_id: str | None = None) -> str:
        path = f"/v1/organizations/{org_id or self.org_id}/enrollment-tokens"
        token: str = self.integrator.post(path, {}).json()["data"]["token"]
        return token

    def enroll(self, url: str) -> None:
        asyncio.run(enroll(self.directory, Wish(url=url, token=self.enrollment_token())))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The agent at work in this process, in a hurry."""
        work = run_agent(
            self.directory,
            self.said.append,
            clock=self.clock,
            sleep=hurried(TIMES),
            connect=lambda address: httpx.AsyncClient(
                base_url=address, timeout=IMPATIENT, verify=TLS
            ),
        )
        task = asyncio.create_task(work)
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settle(self) -> None:
        """Deliver all that waits."""
        await run_agent(self.directory, self.said.append, once=True, clock=self.clock)

    def cli(self, *arguments: str) -> Result:
        """A command on this state directory."""
        return CliRunner().invoke(agent, [*arguments, "--state-dir", str(self.path)])

    def start(self) -> subprocess.Popen[str]:
        """`agent run` as a process of its own, in a hurry."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.agent.hurried", "run", "--state-dir", str(self.path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean_environment(),
            cwd=_ROOT,
        )

    def observed(self) -> int:
        """How many check-ins were ever put into the spool."""
        return self._ask_spool("select seq from sqlite_sequence where name = 'check_ins'")

    def waiting(self) -> int:
        return self._ask_spool("select count(*) from check_ins")

    def counted(self) -> int:
        """How many check-ins the server counts."""
        count: int = self.read().get("checkInCount", 0)
        return count

    def seconds_since_seen(self) -> float:
        last_seen = parse_timestamp(self.read()["lastSeen"])
        assert last_seen is not None
        return (datetime.now(UTC) - last_seen) / timedelta(seconds=1)

    def read(self) -> Any:
        return self.integrator.get(f"/v1/devices/{self.directory.client_id()}")["data"]

    def delete(self) -> None:
        """Have the server forget the device."""
        url = f"{self.integrator.url}/v1/devices/{self.directory.client_id()}"
        assert httpx.delete(url, headers=self.integrator.headers, timeout=20).is_success

    def log_messages(self) -> list[str]:
        """The newest first; a line whose answer was lost is there twice, and told once here."""
        path = f"/v1/devices/{self.directory.client_id()}/logs"
        payloads = [line["payload"] for line in self.integrator.get(path)["data"]]
        return list({payload["line"]: payload["message"] for payload in payloads}.values())

    def _ask_spool(self, statement: str) -> int:
        with closing(sqlite3.connect(self.directory.spool)) as connection:
            row = connection.execute(statement).fetchone()
        return row[0] if row else 0
