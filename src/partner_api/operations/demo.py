"""`partner-api demo`: what `make run` shows. A demo MSP, a release, and a fleet that checks in."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from partner_api.config import Databases, Settings
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Conflict, Misconfigured, NotFound
from partner_api.operations.administration import NewMsp, administration
from partner_api.operations.environment import write_private
from partner_api.operations.simulation.fleet import CURRENT, Plan
from partner_api.operations.supervisor import Child

FILE = "demo.json"
CHECK_IN_INTERVAL_SECONDS = 60
"""Short, so that a newcomer sees something happen."""
PROGRESS_SECONDS = 600

_NAME = "Demo MSP"


def ensure_demo(databases: Databases, data_dir: Path, clock: Clock) -> NewMsp:
    """The demo MSP, made once; its secret is kept beside the data, readable by its owner only."""
    return asyncio.run(_ensure(databases.require_owner(), data_dir / FILE, clock))


def demo_settings(settings: Settings) -> Settings:
    """The settings with the demo's interval, unless one was set."""
    if "check_in_interval_seconds" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"check_in_interval_seconds": CHECK_IN_INTERVAL_SECONDS})


def read_credentials(file: Path) -> tuple[str, str]:
    """The client id and secret in what `msp create --json` printed; Misconfigured without them."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return kept["clientId"], kept["clientSecret"]
    except (OSError, ValueError, KeyError):
        raise Misconfigured(
            f"{file} holds no clientId and clientSecret. Make it with: "
            f"partner-api msp create NAME --json > {file}"
        ) from None


def simulator(data_dir: Path, address: str) -> Child:
    """The simulated fleet as a companion of the server."""
    command = [sys.executable, "-m", "partner_api", "simulate", "--url", address]
    # Seldom: a sign of life among the server's own lines, and no line to refresh between them.
    command += ["--progress-every", str(PROGRESS_SECONDS)]
    return Child("simulator", command, {"PARTNER_API_DATA_DIR": str(data_dir)})


def banner(address: str, demo: NewMsp) -> Sequence[str]:
    """What a newcomer needs to know; the last line works when pasted."""
    token = (
        f"curl -s {address}/oauth/token -d grant_type=client_credentials "
        f"-d client_id={demo.client_id} -d client_secret={demo.client_secret} "
        """| sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'"""
    )
    return (
        "",
        f"  Base URL       {address}",
        f"  Documentation  {address}/docs",
        f"  MSP id         {demo.msp_id}",
        f"  Client id      {demo.client_id}",
        f"  Client secret  {demo.client_secret}",
        "",
        f"{Plan.devices} simulated devices are checking in. See the critical ones:",
        "",
        f'curl -s "{address}/v1/devices?status=critical" -H "Authorization: Bearer $({token})"',
        "",
        "Ctrl-C ends everything; the data stays.",
    )


async def _ensure(owner_url: str, file: Path, clock: Clock) -> NewMsp:
    async with administration(owner_url, clock) as operator:
        demo = _kept(file)
        try:
            known = demo and await operator.list_credentials(demo.msp_id)
        except NotFound:
            known = None
        if demo is None or not known:
            demo = await operator.create_msp(_NAME)
            write_private(file, json.dumps(_wire(demo), indent=2))
        with contextlib.suppress(Conflict):
            await operator.publish_release("stable", CURRENT, None)
    return demo


def _kept(file: Path) -> NewMsp | None:
    if not file.exists():
        return None
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return _from_wire(kept)
    except (ValueError, KeyError):
        raise Misconfigured(f"{file} is damaged; remove it to get a new demo MSP") from None


def _from_wire(kept: Mapping[str, str]) -> NewMsp:
    return NewMsp(kept["mspId"], kept["name"], kept["clientId"], kept["clientSecret"])


def _wire(demo: NewMsp) -> dict[str, str]:
    return {
        "mspId": demo.msp_id,
        "name": demo.name,
        "clientId": demo.client_id,
        "clientSecret": demo.client_secret,
    }
