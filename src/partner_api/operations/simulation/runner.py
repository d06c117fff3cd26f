"""The whole simulation: wait for the server, enroll who is missing, let every device live."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from random import Random

import httpx

from partner_api.kernel.clock import SystemClock
from partner_api.operations.simulation.client import Client, Refused
from partner_api.operations.simulation.device import Device
from partner_api.operations.simulation.fleet import Fleet, Plan, plan_fleet
from partner_api.operations.simulation.partner import Partner
from partner_api.operations.simulation.state import State, StateFile

Say = Callable[[str], None]

_CLOCK = SystemClock()
_TIMEOUT_SECONDS = 15.0
_SAVE_EVERY_SECONDS = 2.0
_TELL_EVERY_SECONDS = 60.0


async def simulate(
    base_url: str, client_id: str, client_secret: str, plan: Plan, state_file: Path, say: Say
) -> None:
    """Play a fleet against a server until cancelled, waiting for the server whenever it is away.

    `say` is told a line at each stage, then every minute. `state_file` keeps the fleet, so that
    another run with the same credential and plan continues it. Refused when the credential does
    not hold, or may not make organizations.
    """
    # A proxy named in the environment would have no way to a server on this machine.
    async with httpx.AsyncClient(
        base_url=base_url, timeout=_TIMEOUT_SECONDS, trust_env=False
    ) as http:
        client = Client(http, Random(plan.seed))  # noqa: S311 - spreads load, hides nothing
        say(f"waiting for {base_url}")
        await client.wait_until_ready()
        partner = Partner(client, client_id, client_secret, _CLOCK)
        await _play(plan_fleet(plan), client, partner, StateFile(state_file), say)


async def _play(fleet: Fleet, client: Client, partner: Partner, file: StateFile, say: Say) -> None:
    customers = await partner.ensure_organizations(fleet.organizations)
    permits = {name: partner.enrollment_tokens(customer) for name, customer in customers.items()}
    state = file.load(customers[fleet.organizations[0]].msp_id, partner.client_id)
    devices = [
        Device(planned, permits[planned.organization], state, client, _CLOCK)
        for planned in fleet.devices
    ]
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_every(_SAVE_EVERY_SECONDS, lambda: file.save(state)))
            tasks.create_task(_every(_TELL_EVERY_SECONDS, lambda: say(client.tally.tell())))
            for device in await _enroll(devices, state, say):
                tasks.create_task(device.live(_CLOCK.now()))
    finally:
        file.save(state)


async def _every(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        act()


async def _enroll(devices: Sequence[Device], state: State, say: Say) -> list[Device]:
    known = set(state.devices)
    async with asyncio.TaskGroup() as tasks:
        attempts = [tasks.create_task(_is_enrolled(device, say)) for device in devices]
    enrolled = [
        device for device, attempt in zip(devices, attempts, strict=True) if attempt.result()
    ]
    _tell_enrolled(enrolled, known, say)
    return enrolled


async def _is_enrolled(device: Device, say: Say) -> bool:
    try:
        await device.ensure_enrolled()
    except Refused as refused:
        # Somebody may have moved it to another organization; the rest of the fleet goes on.
        say(f"{device.planned.asset_id} stays out: {refused}")
        return False
    return True


def _tell_enrolled(enrolled: Sequence[Device], known: Collection[str], say: Say) -> None:
    new = [device.planned for device in enrolled if device.planned.client_id not in known]
    if new:
        organizations = {planned.organization for planned in new}
        say(f"enrolled {len(new)} devices in {len(organizations)} organizations")
    if len(enrolled) > len(new):
        say(f"continuing {len(enrolled) - len(new)} devices enrolled before")
