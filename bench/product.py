"""The server under measurement: a process of its own on an embedded PostgreSQL of its own."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import psutil

from bench.fleet import Fleet
from bench.meter import Meter
from partner_api.config import Databases
from partner_api.database.cluster import EmbeddedCluster

_READY_WITHIN_SECONDS = 60.0


@dataclass(frozen=True)
class Place:
    """A database of its own, thrown away in the end."""

    data_dir: Path
    databases: Databases

    @property
    def postmaster(self) -> psutil.Process:
        """PostgreSQL's first process."""
        pid = (self.data_dir / "postgres" / "postmaster.pid").read_text("ascii").split()[0]
        return psutil.Process(int(pid))

    @property
    def admin_url(self) -> str:
        """The superuser's URL, to the database `postgres`."""
        return EmbeddedCluster(self.data_dir).admin_url

    async def checkpoint(self) -> None:
        """Let what was written until now cost nothing later.

        Otherwise a checkpoint would come in the middle of what is measured, and whole pages would
        be logged in some rounds and not in others.
        """
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute("checkpoint")
        finally:
            await connection.close()


@dataclass(frozen=True)
class Product:
    """A running server."""

    url: str
    place: Place
    process: psutil.Process

    def apis(self) -> Sequence[psutil.Process]:
        """Its API processes."""
        return list(self._children("partner_api.app"))

    def meter(self) -> Meter:
        """Measures the API processes and PostgreSQL."""
        return Meter(self.apis(), self.place.postmaster, self.place.databases.require_owner())

    def access_token(self, fleet: Fleet) -> str:
        """An integrator's token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": fleet.credential,
            "client_secret": fleet.client_secret,
        }
        answer = httpx.post(f"{self.url}/oauth/token", data=form, timeout=20)
        return str(answer.raise_for_status().json()["access_token"])

    def _children(self, module: str) -> Iterator[psutil.Process]:
        return (p for p in self.process.children(recursive=True) if module in " ".join(p.cmdline()))


@contextmanager
def database(keep: Path | None = None) -> Iterator[Place]:
    """A database for the time of a measurement; one in `keep` stays for the next."""
    with tempfile.TemporaryDirectory(prefix="partner-api-") as name:
        Path(name).chmod(0o711)
        data_dir = keep or Path(name) / "data"
        with EmbeddedCluster(data_dir).join() as databases:
            yield Place(data_dir.resolve(), databases)


@contextmanager
def serving(
    place: Place,
    *,
    module: str = "partner_api",
    workers: int = 1,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Product]:
    """The server on that database, with its worker, while the block runs."""
    port = _free_port()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PARTNER_API_")},
        "PARTNER_API_DATA_DIR": str(place.data_dir),
        **(variables or {}),
    }
    command = [sys.executable, "-m", module, "serve", "--port", str(port)]
    command += ["--workers", str(workers)]
    log = place.data_dir.with_name("server.log")
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _await_ready(url, process, log)
        yield Product(url, place, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(60)


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"The server does not start: {log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
