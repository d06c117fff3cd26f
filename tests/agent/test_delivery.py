"""Everything observed is delivered, in order and counted once, whatever happens in between."""

import asyncio
from datetime import timedelta
from itertools import chain, pairwise
from random import Random

import pytest

from tests.agent.device import Device
from tests.agent.proxy import Fault, Proxy
from tests.agent.support import SetClock
from tests.blackbox.server import Server
from tests.waiting import until

ENOUGH = 15


def assert_delivered_once_and_in_order(device: Device, proxy: Proxy) -> None:
    assert device.waiting() == 0
    assert device.counted() == device.observed()
    first_heard = list(dict.fromkeys(chain.from_iterable(proxy.heard)))
    assert first_heard == list(range(1, device.observed() + 1))
    assert all(later == earlier + 1 for heard in proxy.heard for earlier, later in pairwise(heard))
    assert 0 <= device.seconds_since_seen() < 5


@pytest.mark.parametrize("fault", [Fault.AWAY, Fault.BUSY])
async def test_a_server_that_is_away_gets_everything_when_it_is_back(
    device: Device, proxy: Proxy, fault: Fault
) -> None:
    proxy.always(fault)
    async with device.running():
        await until(lambda: device.directory.spool.exists() and device.observed() > ENOUGH)
        assert device.counted() == 0
        proxy.always(Fault.NONE)
        await until(lambda: len(device.said) > 2)
    await device.settle()
    assert_delivered_once_and_in_order(device, proxy)
    started, kept, recovered = device.said[:3]
    assert "what is not delivered is kept" in kept
    assert recovered.startswith("Recovered after an outage of ")
    await until(lambda: {started, recovered} <= set(device.log_messages()), 5)


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.HALF, Fault.LATE])
async def test_an_answer_that_is_lost_makes_nothing_count_twice(
    device: Device, proxy: Proxy, fault: Fault
) -> None:
    proxy.always(fault)
    async with device.running():
        await until(lambda: len(proxy.heard) > 2)
        proxy.always(Fault.NONE)
        heard = device.observed()
        await until(lambda: device.counted() > heard)
    await device.settle()
    assert_delivered_once_and_in_order(device, proxy)
    assert sum(map(len, proxy.heard)) > device.observed()


async def test_any_mix_of_faults_is_outlived(device: Device, proxy: Proxy) -> None:
    random = Random(7)
    faults = [fault for fault in Fault if fault is not Fault.HANG]
    proxy.next_fault = lambda: random.choice(faults)
    async with device.running():
        await asyncio.sleep(4)
        proxy.always(Fault.NONE)
    await device.settle()
    assert device.observed() > ENOUGH
    assert_delivered_once_and_in_order(device, proxy)


@pytest.mark.parametrize("fault", [Fault.LIE_PAST, Fault.LIE_FUTURE])
async def test_a_server_that_lies_about_its_clock_changes_nothing(
    device: Device, proxy: Proxy, fault: Fault
) -> None:
    proxy.always(fault)
    async with device.running():
        await until(lambda: device.counted() > ENOUGH)
    await device.settle()
    assert_delivered_once_and_in_order(device, proxy)


@pytest.mark.parametrize("hours", [-7, 7])
async def test_a_device_clock_wrong_by_hours_is_corrected(
    device: Device, proxy: Proxy, hours: int
) -> None:
    device.clock = clock = SetClock()
    clock.wrong_by = timedelta(hours=hours)
    proxy.always(Fault.AWAY)
    async with device.running():
        await until(lambda: device.directory.spool.exists() and device.observed() > 1)
        proxy.always(Fault.NONE)
        await until(lambda: device.counted() > 1)
    assert 0 <= device.seconds_since_seen() < 5


async def test_a_device_clock_set_during_an_outage_moves_no_check_in(
    device: Device, proxy: Proxy
) -> None:
    device.clock = clock = SetClock()
    clock.wrong_by = timedelta(hours=7)
    proxy.always(Fault.AWAY)
    async with device.running():
        await until(lambda: device.directory.spool.exists() and device.observed() > 3)
    clock.wrong_by = timedelta()
    proxy.always(Fault.NONE)
    observed = device.observed()
    async with device.running():
        await until(lambda: device.counted() > observed)
    assert 0 <= device.seconds_since_seen() < 5


async def test_an_api_process_killed_at_work_loses_nothing(
    device: Device, proxy: Proxy, server: Server
) -> None:
    async with device.running():
        for _ in range(2):
            await asyncio.sleep(0.7)
            (api,) = server.children("partner_api.app")
            api.kill()
            await until(lambda: api.pid not in [p.pid for p in server.children("partner_api.app")])  # noqa: B023 - awaited at once
            await until(server.is_ready)
    await device.settle()
    assert_delivered_once_and_in_order(device, proxy)
