"""The real server as a process of its own, seen from outside only."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

# Made once: a client that makes its own takes longest over that, and nothing here is encrypted.
TLS = ssl.create_default_context()
COMMAND = (sys.executable, "-m", "partner_api")


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of ours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PARTNER_API_")}
    return {**kept, **variables}


def run_cli(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment(PARTNER_API_DATA_DIR=str(data_dir), **variables)
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        env=environment,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


@dataclass
class Server:
    """`partner-api serve`, or another long-running command, with its output in a file."""

    data_dir: Path
    arguments: Sequence[str] = ("serve",)
    port: int = field(default_factory=free_port)
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def _log(self) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}-{self.port}.log")

    def start(self) -> "Server":
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *self.arguments, "--port", str(self.port)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=clean_environment(PARTNER_API_DATA_DIR=str(self.data_dir), **self.variables),
                start_new_session=True,
            )
        wait_until(self.is_ready, 180, f"readiness of {self.arguments}")
        return self

    def stop(self, number: int = signal.SIGINT, within: float = 15) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(within)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=5, verify=TLS)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def children(self, module: str) -> list[psutil.Process]:
        """The processes that run one of our modules."""
        assert self.process is not None
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in family if module in " ".join(_command_line(child))]

    def postmaster(self) -> psutil.Process:
        pid = (self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0]
        return psutil.Process(int(pid))

    def create_msp(self, name: str = "Black Box MSP") -> "Integrator":
        made = run_cli(self.data_dir, "msp", "create", name, "--json")
        assert made.returncode == 0, made.stderr
        return Integrator(self.url, json.loads(made.stdout))


@dataclass
class Integrator:
    """An MSP's program that knows its credential and the base URL."""

    url: str
    msp: dict[str, str]

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.token()}"}

    def token(self) -> str:
        answer = httpx.post(
            f"{self.url}/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.msp["clientId"],
                "client_secret": self.msp["clientSecret"],
            },
            timeout=20,
            verify=TLS,
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def get(self, path: str) -> Any:
        answer = self.ask(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=self.headers, timeout=20, verify=TLS)

    def post(self, path: str, body: Any) -> httpx.Response:
        url = self.url + path
        return httpx.post(url, json=body, headers=self.headers, timeout=20, verify=TLS)

    def create_organization(self, name: str = "Acme Corp") -> str:
        answer = self.post("/v1/organizations", {"name": name})
        assert answer.status_code == 201, answer.text
        org_id: str = answer.json()["data"]["orgId"]
        return org_id

    def enroll(self, org_id: str, **facts: Any) -> tuple[str, dict[str, str]]:
        """A device's client id and its agent's headers."""
        made = self.post(f"/v1/organizations/{org_id}/enrollment-tokens", {})
        headers = {"Authorization": f"Bearer {made.json()['data']['token']}"}
        body = {"os": "linux", "arch": "x86_64", "currentVersion": "1.0.0", **facts}
        url = f"{self.url}/v1/agent/enroll"
        enrolled = httpx.post(url, json=body, headers=headers, timeout=20, verify=TLS)
        assert enrolled.status_code == 201, enrolled.text
        data = enrolled.json()["data"]
        return data["clientId"], {"Authorization": f"Bearer {data['deviceToken']}"}


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
