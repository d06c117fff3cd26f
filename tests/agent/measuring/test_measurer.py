"""Measuring beside the agent's work."""

import threading
import time
from collections.abc import Callable

import pytest

from partner_api.agent.clock import DeviceClock, Moment
from partner_api.agent.measuring.measurer import FRESH_SECONDS, Measurer, Sample


class Ticking(DeviceClock):
    """A clock that goes on when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 1000.0

    def now(self) -> Moment:
        now = super().now()
        return Moment(now.wall, now.boot, self.ticks)


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


def numbered() -> Callable[[], Sample]:
    numbers = iter(range(1, 1000))
    return lambda: {"metrics": {"number": next(numbers)}}


async def test_what_was_measured_is_taken_once(clock: Ticking) -> None:
    measurer = Measurer(numbered(), 60, clock)
    assert measurer.take() == {}
    await measurer.measure(5)
    assert measurer.take() == {"metrics": {"number": 1}}
    assert measurer.take() == {}


async def test_only_the_last_measurement_counts_and_no_old_one(clock: Ticking) -> None:
    measurer = Measurer(numbered(), 60, clock)
    await measurer.measure(5)
    clock.ticks += 60
    await measurer.measure(5)
    assert measurer.take() == {"metrics": {"number": 2}}
    clock.ticks += 60
    await measurer.measure(5)
    clock.ticks += FRESH_SECONDS + 1
    assert measurer.take() == {}


async def test_it_measures_no_more_often_than_it_is_told_to(clock: Ticking) -> None:
    measurer = Measurer(numbered(), 60, clock)
    taken = []
    for seconds in (0, 30, 29, 30):
        clock.ticks += seconds
        await measurer.measure(5)
        taken.append(measurer.take().get("metrics", {}).get("number"))
    assert taken == [1, None, 2, None]


async def test_nobody_waits_for_a_measurement_that_hangs_and_no_second_one_begins(
    clock: Ticking,
) -> None:
    hanging = threading.Event()
    calls: list[None] = []

    def hang() -> Sample:
        calls.append(None)
        hanging.wait(10)
        return {"metrics": {}}

    measurer = Measurer(hang, 60, clock)
    began = time.monotonic()
    for _ in range(3):
        await measurer.measure(0.05)
        assert measurer.take() == {}
        clock.ticks += 60
    assert time.monotonic() - began < 2
    assert len(calls) == 1
    hanging.set()
    assert measurer._thread is not None
    measurer._thread.join(5)
    assert measurer.take() == {"metrics": {}}
