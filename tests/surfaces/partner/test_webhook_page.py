"""The page on webhooks says what the program does, and its programs verify what is sent."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from partner_api.webhooks import schedule, service
from partner_api.webhooks.deliveries import MOST_REPLAYS
from partner_api.webhooks.transport import Patience
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.surfaces.partner.hooks import WEBHOOKS, create_webhook
from tests.webhooks.receivers import answer, receiving

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^```(python|js|sh)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))

PYTHON = """
import json, sys
given = json.load(sys.stdin)
print(verify(given["secret"], given["headers"], base64.b64decode(given["body"])))
"""
NODE = """
const given = JSON.parse(require("node:fs").readFileSync(0));
console.log(verify(given.secret, given.headers, Buffer.from(given.body, "base64")));
"""


def in_python(_folder: Path, secret: str, headers: dict[str, str], body: bytes) -> bool:
    # Without site-packages: nothing but the standard library.
    command = [sys.executable, "-I", "-S", "-c", PROGRAMS["python"] + PYTHON]
    return _said_yes(command, secret, headers, body)


def in_node(_folder: Path, secret: str, headers: dict[str, str], body: bytes) -> bool:
    return _said_yes(["node", "-e", PROGRAMS["js"] + NODE], secret, headers, body)


def in_shell(folder: Path, secret: str, headers: dict[str, str], body: bytes) -> bool:
    (folder / "body").write_bytes(body)
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET": secret,
        "ID": headers["webhook-id"],
        "TIMESTAMP": headers["webhook-timestamp"],
        "SIGNATURE": headers["webhook-signature"],
    }
    ran = subprocess.run(
        ["sh", "-c", PROGRAMS["sh"]], cwd=folder, env=environment, capture_output=True, check=False
    )
    assert ran.stderr == b""
    assert ran.stdout == b""
    return ran.returncode == 0


def _said_yes(command: list[str], secret: str, headers: dict[str, str], body: bytes) -> bool:
    given = {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
    ran = subprocess.run(command, input=json.dumps(given).encode(), capture_output=True, check=True)
    said = ran.stdout.decode().strip().lower()
    assert said in {"true", "false"}
    return said == "true"


@pytest.mark.usefixtures("present")
@pytest.mark.parametrize(
    ("program", "tool"),
    [(in_python, "python3"), (in_node, "node"), (in_shell, "openssl")],
    ids=["python", "node", "sh"],
)
async def test_a_receiver_verifies_with_the_programs_of_the_page(
    lan_tenant: Tenant,
    tmp_path: Path,
    program: Callable[[Path, str, dict[str, str], bytes], bool],
    tool: str,
) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    async with receiving(answer()) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        webhook = await create_webhook(lan_tenant, url=url, description="x")
        path = f"{WEBHOOKS}/{webhook['id']}"
        rotated = (await lan_tenant.post(f"{path}/rotate-secret")).json()["data"]
        await lan_tenant.post(f"{path}/test")
    ((_, headers, body),) = receiver.requests

    def verifies(secret: str, body: bytes = body, **changed: str) -> bool:
        named = {f"webhook-{name}": value for name, value in changed.items()}
        return program(tmp_path, secret, headers | named, body)

    assert verifies(webhook["secret"])
    assert verifies(rotated["secret"])
    assert not verifies((await create_webhook(lan_tenant))["secret"])
    assert not verifies(rotated["secret"], body + b" ")
    assert not verifies(rotated["secret"], id="evt_0000000000000001")
    assert not verifies(rotated["secret"], timestamp=str(int(headers["webhook-timestamp"]) - 1))
    assert not verifies(rotated["secret"], timestamp="x[$(touch y)]")
    assert not verifies(rotated["secret"], signature="v1,")
    assert not (tmp_path / "y").exists()


@pytest.mark.usefixtures("present")
@pytest.mark.parametrize("program", [in_python, in_node, in_shell])
@pytest.mark.parametrize("minutes", [-6, 6])
async def test_what_is_old_is_refused(
    lan_tenant: Tenant,
    clock: StoppedClock,
    tmp_path: Path,
    program: Callable[[Path, str, dict[str, str], bytes], bool],
    minutes: float,
) -> None:
    if program is in_node and shutil.which("node") is None:
        pytest.skip("needs node")
    async with receiving(answer()) as receiver:
        webhook = await create_webhook(lan_tenant, url=f"http://127.0.0.1:{receiver.port}/")
        clock.advance(minutes=minutes)
        assert (await lan_tenant.post(f"{WEBHOOKS}/{webhook['id']}/test")).status_code == 200
    ((_, headers, body),) = receiver.requests
    assert not program(tmp_path, webhook["secret"], headers, body)


def test_the_page_names_the_numbers_of_the_program() -> None:
    flat = " ".join(PAGE.split())
    pauses = "| pause | " + " | ".join(map(_spoken, schedule.PAUSES)) + " |"
    assert pauses in flat
    assert schedule.MOST_ATTEMPTS == 10
    assert "ten times in all" in flat
    assert f"within {Patience().exchange_seconds:.0f} seconds" in flat
    assert timedelta(days=1) == schedule.LONGEST_ASKED
    assert timedelta(days=3) == schedule.SUSPENDED_AFTER
    assert f"may have {service.MOST_WEBHOOKS} webhooks" in flat
    assert timedelta(days=1) == service.DEFAULT_OVERLAP
    assert timedelta(weeks=1) == service.LONGEST_OVERLAP
    assert MOST_REPLAYS == 3
    assert "Three replays" in flat


def _spoken(pause: timedelta) -> str:
    seconds = int(pause.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
