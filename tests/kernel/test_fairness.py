import asyncio

import pytest

from partner_api.kernel.errors import Unavailable
from partner_api.kernel.fairness import FairGate


async def test_a_busy_tenant_makes_another_wait_for_one_turn_only() -> None:
    gate = FairGate(slots=1, patience=5)
    order: list[str] = []

    async def work(tenant: str) -> None:
        async with gate.turn(tenant):
            order.append(tenant)
            await asyncio.sleep(0)

    busy = [asyncio.create_task(work("busy")) for _ in range(10)]
    await asyncio.sleep(0)
    quiet = [asyncio.create_task(work("quiet")) for _ in range(2)]
    await asyncio.gather(*busy, *quiet)
    # The first had its turn, the second was promised one: from then on they alternate.
    assert order[:7].count("quiet") == 2


async def test_who_waits_too_long_is_told_to_come_back() -> None:
    gate = FairGate(slots=1, patience=0.01)
    async with gate.turn("a"):
        with pytest.raises(Unavailable):
            async with gate.turn("b"):
                pass
    async with gate.turn("b"):
        pass


async def test_slots_survive_errors_and_cancellations() -> None:
    gate = FairGate(slots=2, patience=5)

    async def hold() -> None:
        async with gate.turn("a"):
            await asyncio.sleep(60)

    for _ in range(20):
        tasks = [asyncio.create_task(hold()) for _ in range(6)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(1), gate.turn("a"), gate.turn("b"):
        pass
