"""Many things, few at once."""

import asyncio

import pytest

from partner_api.kernel.errors import Misconfigured
from partner_api.operations.simulation.workers import MOST_AT_ONCE, each, every


async def test_everything_is_done_a_few_at_a_time() -> None:
    done: list[int] = []
    at_once, most = 0, 0

    async def act(item: int) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        done.append(item)

    await each(range(100), act)
    assert sorted(done) == list(range(100))
    assert most == MOST_AT_ONCE


async def test_what_is_repeated_ends_with_what_it_accompanies() -> None:
    acted: list[int] = []
    async with every(0.01, lambda: acted.append(1)):
        await asyncio.sleep(0.1)
    times = len(acted)
    assert times >= 2
    await asyncio.sleep(0.05)
    assert len(acted) == times


async def test_an_error_in_what_is_repeated_is_told() -> None:
    def fail() -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        async with every(0.01, fail):
            await asyncio.Event().wait()


async def test_the_first_error_ends_everything_and_is_told_as_it_is() -> None:
    async def act(item: int) -> None:
        if item == 1:
            raise Misconfigured("Not like this.")
        await asyncio.Event().wait()

    with pytest.raises(Misconfigured, match=r"Not like this\."):
        async with every(60, lambda: None):
            await each(range(100), act)
