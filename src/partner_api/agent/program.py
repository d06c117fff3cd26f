"""The agent put together from its state directory."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from contextlib import closing
from random import SystemRandom
from typing import Any

import httpx

from partner_api.agent.address import check_address
from partner_api.agent.clock import DeviceClock
from partner_api.agent.host import read_host
from partner_api.agent.journal import Announce
from partner_api.agent.patience import Sleep
from partner_api.agent.runner import Agent
from partner_api.agent.server import Server, open_http
from partner_api.agent.spool import Spool
from partner_api.agent.state import StateDirectory


async def run_agent(
    directory: StateDirectory,
    announce: Announce,
    *,
    once: bool = False,
    clock: DeviceClock | None = None,
    sleep: Sleep = asyncio.sleep,
    connect: Callable[[str], httpx.AsyncClient] = open_http,
) -> None:
    """Run the enrolled agent until cancelled, or once; Misconfigured when it is not enrolled."""
    enrollment = directory.require_enrollment()
    address = check_address(enrollment.server_url, allow_http=enrollment.allow_http)
    with closing(Spool(directory.spool)) as spool:
        async with connect(address) as http:
            agent = Agent(
                spool,
                Server(http, enrollment.device_token),
                read_host(enrollment.current_version),
                enrollment.check_in_interval_seconds,
                announce,
                clock=clock or DeviceClock(),
                random=SystemRandom(),
                sleep=sleep,
            )
            await (agent.run_once() if once else agent.run())


async def until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends, or until SIGINT or SIGTERM."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
