"""Dear answers: computed once for all who ask, given for a while, errors kept from nobody."""

import asyncio

import pytest

from partner_api.kernel.single_flight import SingleFlight


class Computation:
    """Counts how often it is made, and takes until it is let go."""

    def __init__(self) -> None:
        self.made = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.made += 1
        await self.go.wait()
        return self.made


async def test_all_who_ask_meanwhile_share_one_answer() -> None:
    flight, compute = SingleFlight[str, int](60), Computation()
    asking = [asyncio.create_task(flight.get("a", compute)) for _ in range(20)]
    await asyncio.sleep(0)
    compute.go.set()
    assert await asyncio.gather(*asking) == [1] * 20
    assert await flight.get("a", compute) == 1
    assert await flight.get("b", compute) == 2


async def test_an_answer_grows_old() -> None:
    flight, compute = SingleFlight[str, int](0.02), Computation()
    compute.go.set()
    assert await flight.get("a", compute) == 1
    await asyncio.sleep(0.05)
    assert await flight.get("a", compute) == 2


async def test_whoever_leaves_takes_the_answer_from_nobody() -> None:
    flight, compute = SingleFlight[str, int](60), Computation()
    first, second = (asyncio.create_task(flight.get("a", compute)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    compute.go.set()
    assert await second == 1
    assert first.cancelled()


async def test_an_error_reaches_all_who_waited_and_is_not_kept() -> None:
    flight, compute = SingleFlight[str, int](60), Computation()

    async def fail() -> int:
        await compute.go.wait()
        raise ValueError("not today")

    asking = [asyncio.create_task(flight.get("a", fail)) for _ in range(2)]
    await asyncio.sleep(0)
    compute.go.set()
    for asked in asking:
        with pytest.raises(ValueError, match="not today"):
            await asked
    assert await flight.get("a", compute) == 1
