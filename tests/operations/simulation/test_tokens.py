"""Tokens are got when needed and shared."""

import asyncio
from datetime import timedelta

from tests.clock import StoppedClock
from tests.operations.simulation.support import source


async def test_callers_at_once_share_one_token(clock: StoppedClock) -> None:
    tokens = source(clock, "first", "second")
    assert await asyncio.gather(*(tokens.get() for _ in range(5))) == ["first"] * 5


async def test_a_token_is_renewed_before_it_expires(clock: StoppedClock) -> None:
    tokens = source(clock, "first", "second", lifetime=timedelta(hours=1))
    assert await tokens.get() == "first"
    clock.advance(minutes=58)
    assert await tokens.get() == "first"
    clock.advance(minutes=1)
    assert await tokens.get() == "second"


async def test_forgetting_an_old_token_keeps_the_new_one(clock: StoppedClock) -> None:
    tokens = source(clock, "first", "second", "third")
    tokens.forget(await tokens.get())
    assert await tokens.get() == "second"
    tokens.forget("first")
    assert await tokens.get() == "second"
