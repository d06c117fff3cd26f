"""The whole simulation: wait for the server, enroll who is missing, let every device live."""

from pathlib import Path
from random import Random

import httpx

from partner_api.kernel.clock import SystemClock
from partner_api.operations.simulation.client import Client
from partner_api.operations.simulation.connections import Connections
from partner_api.operations.simulation.device import Device
from partner_api.operations.simulation.display import Display
from partner_api.operations.simulation.enrollment import Enrollment
from partner_api.operations.simulation.fleet import Plan, plan_fleet
from partner_api.operations.simulation.pace import Pace
from partner_api.operations.simulation.partner import Partner
from partner_api.operations.simulation.schedule import Schedule
from partner_api.operations.simulation.state import StateFile
from partner_api.operations.simulation.tally import Telling
from partner_api.operations.simulation.workers import every

_CLOCK = SystemClock()
_TIMEOUT_SECONDS = 15.0
_SAVE_EVERY_SECONDS = 2.0
_PLAYED_ALREADY = (
    "this fleet is being simulated already; waiting for the end of that. "
    "Another --seed is another fleet"
)


async def simulate(
    base_url: str,
    client_id: str,
    client_secret: str,
    plan: Plan,
    pace: Pace,
    folder: Path,
    display: Display,
) -> None:
    """Play a fleet against a server, waiting for the server whenever it is away.

    It ends with a summary, after the pace's duration or when cancelled. `folder` keeps the fleet,
    so that another run with the same credential and seed continues it. Refused when the credential
    does not hold, or may not make organizations.
    """
    file = StateFile(folder, client_id, plan.seed)
    # A proxy named in the environment would have no way to a server on this machine.
    http = httpx.AsyncClient(
        base_url=base_url, timeout=_TIMEOUT_SECONDS, trust_env=False, transport=Connections()
    )
    async with http, file.held(lambda: display.say(_PLAYED_ALREADY)):
        client = Client(http, Random(plan.seed))  # noqa: S311 - spreads load, hides nothing
        await client.wait_until_ready(lambda: display.say(f"waiting for {base_url}"))
        partner = Partner(client, client_id, client_secret, _CLOCK)
        await _play(plan, pace, client, partner, file, display)


async def _play(
    plan: Plan, pace: Pace, client: Client, partner: Partner, file: StateFile, display: Display
) -> None:
    fleet = plan_fleet(plan)
    customers = await partner.ensure_organizations(fleet.organizations)
    permits = {name: partner.enrollment_tokens(customer) for name, customer in customers.items()}
    state = file.load()
    random = Random(plan.seed)  # noqa: S311 - make-believe has no secrets
    devices = [
        Device(planned, permits[planned.organization], state, client, _CLOCK, random)
        for planned in fleet.devices
    ]
    try:
        async with every(_SAVE_EVERY_SECONDS, lambda: file.save(state)):
            enrolled = await Enrollment(devices, display).run()
            telling = Telling(client.tally)
            async with every(display.seconds, lambda: display.show(telling.progress())):
                await Schedule(enrolled, pace).run()
            display.say(telling.summary(len(enrolled)))
    finally:
        file.save(state)
