"""Shared answers: one at a time, none older than its question, errors kept from nobody."""

import asyncio
from collections import deque

import pytest

from partner_api.kernel.next_flight import NextFlight


class Computation:
    """Answers with its number, each time only when it is let go."""

    def __init__(self) -> None:
        self.made = 0
        self.waiting: deque[asyncio.Event] = deque()

    async def __call__(self) -> int:
        self.made += 1
        number, go = self.made, asyncio.Event()
        self.waiting.append(go)
        await go.wait()
        if number == 13:
            raise ValueError("not today")
        return number

    def let_go(self) -> None:
        self.waiting.popleft().set()


async def ask(flight: NextFlight[str, int], compute: Computation) -> asyncio.Task[int]:
    asked = asyncio.create_task(flight.get("a", compute))
    await settle()
    return asked


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_whoever_asks_meanwhile_shares_the_next_answer_and_not_the_one_under_way() -> None:
    flight, compute = NextFlight[str, int](), Computation()
    first = await ask(flight, compute)
    later = [await ask(flight, compute) for _ in range(20)]
    assert compute.made == 1
    compute.let_go()
    assert await first == 1
    await settle()
    assert compute.made == 2
    compute.let_go()
    assert [await each for each in later] == [2] * 20


async def test_nothing_is_remembered() -> None:
    flight, compute = NextFlight[str, int](), Computation()
    for number in (1, 2, 3):
        asked = await ask(flight, compute)
        compute.let_go()
        assert await asked == number


async def test_keys_do_not_wait_for_each_other() -> None:
    flight, compute = NextFlight[str, int](), Computation()
    await ask(flight, compute)
    other = asyncio.create_task(flight.get("b", compute))
    await settle()
    compute.waiting.pop().set()
    assert await other == 2


async def test_whoever_leaves_takes_the_answer_from_nobody() -> None:
    flight, compute = NextFlight[str, int](), Computation()
    leaving, staying = [asyncio.create_task(flight.get("a", compute)) for _ in range(2)]
    await settle()
    leaving.cancel()
    await settle()
    compute.let_go()
    assert await staying == 1
    assert leaving.cancelled()


async def test_an_error_reaches_all_who_waited_and_nobody_after() -> None:
    flight, compute = NextFlight[str, int](), Computation()
    compute.made = 12
    failing = [asyncio.create_task(flight.get("a", compute)) for _ in range(2)]
    await settle()
    after = await ask(flight, compute)
    compute.let_go()
    for each in failing:
        with pytest.raises(ValueError, match="not today"):
            await each
    await settle()
    compute.let_go()
    assert await after == 14
