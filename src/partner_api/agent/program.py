"""The agent put together from its state directory."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

import httpx

from partner_api.agent.address import check_address
from partner_api.agent.clock import DeviceClock
from partner_api.agent.host import read_host
from partner_api.agent.journal import Announce
from partner_api.agent.measuring.measurer import Measurer
from partner_api.agent.measuring.sample import Plan, Sampler
from partner_api.agent.measuring.targets import Target, server_target
from partner_api.agent.patience import Sleep
from partner_api.agent.runner import Agent
from partner_api.agent.server import Server, open_http
from partner_api.agent.spool import Spool
from partner_api.agent.state import StateDirectory


@dataclass(frozen=True)
class Measuring:
    """How an agent measures; without a target, the way to its server."""

    target: Target | None
    interval_seconds: int
    traceroute: bool


async def run_agent(
    directory: StateDirectory,
    announce: Announce,
    *,
    once: bool = False,
    clock: DeviceClock | None = None,
    sleep: Sleep = asyncio.sleep,
    connect: Callable[[str], httpx.AsyncClient] = open_http,
    measuring: Measuring | None = None,
) -> None:
    """Run the enrolled agent until cancelled, or once; Misconfigured when it is not enrolled.

    It measures if `measuring` says how.
    """
    clock = clock or DeviceClock()
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
                clock=clock,
                random=SystemRandom(),
                sleep=sleep,
                measurer=_measurer(measuring, address, announce, clock) if measuring else None,
            )
            await (agent.run_once() if once else agent.run())


def _measurer(
    measuring: Measuring, address: str, announce: Announce, clock: DeviceClock
) -> Measurer:
    target = measuring.target or server_target(address)
    sampler = Sampler(Plan(target, measuring.traceroute), announce)
    return Measurer(sampler, measuring.interval_seconds, clock)


async def until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends, or until SIGINT or SIGTERM."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
