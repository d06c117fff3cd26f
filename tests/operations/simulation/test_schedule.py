"""Turns are taken when they are due, few at a time, and the last ones are finished."""

import asyncio
import time
from collections import Counter

import pytest

from partner_api.operations.simulation.pace import Pace
from partner_api.operations.simulation.schedule import MOST_AT_ONCE, Schedule


class Hall:
    """Counts who plays, now and ever."""

    def __init__(self) -> None:
        self.turns = Counter[int]()
        self.playing = 0
        self.most = 0


class Player:
    """Takes so long for a turn, and wants the next one after a pause."""

    def __init__(self, hall: Hall, seat: int, *, pause: float | None, takes: float = 0.0) -> None:
        self._hall = hall
        self._seat = seat
        self._pause = pause
        self._takes = takes

    @property
    def is_live(self) -> bool:
        return self._pause is not None

    async def take_turn(self) -> float | None:
        hall = self._hall
        hall.playing += 1
        hall.most = max(hall.most, hall.playing)
        await asyncio.sleep(self._takes)
        hall.playing -= 1
        hall.turns[self._seat] += 1
        return self._pause


@pytest.fixture
def hall() -> Hall:
    return Hall()


async def test_the_rate_holds_over_the_whole_fleet_whatever_players_ask_for(hall: Hall) -> None:
    players = [Player(hall, seat, pause=3600.0) for seat in range(10)]
    await Schedule(players, Pace(rate=200, duration=0.5)).run()
    assert 80 <= hall.turns.total() <= 102
    assert max(hall.turns.values()) - min(hall.turns.values()) <= 1


async def test_without_a_rate_players_come_back_when_they_ask_to(hall: Hall) -> None:
    await Schedule([Player(hall, 1, pause=0.02)], Pace(duration=0.5)).run()
    assert 15 <= hall.turns.total() <= 26


async def test_who_has_no_next_turn_has_one_that_takes_nothing_from_the_rate(hall: Hall) -> None:
    passing = Player(hall, 0, pause=None)
    players = [passing, *(Player(hall, seat, pause=1.0) for seat in range(1, 5))]
    await Schedule(players, Pace(rate=100, duration=0.4)).run()
    assert hall.turns.pop(0) == 1
    assert 30 <= hall.turns.total() <= 42


async def test_turns_at_once_are_bounded(hall: Hall) -> None:
    before = asyncio.all_tasks()
    players = [Player(hall, seat, pause=1.0, takes=0.2) for seat in range(1000)]
    await Schedule(players, Pace(rate=1000, duration=0.5)).run()
    assert hall.most == MOST_AT_ONCE
    assert asyncio.all_tasks() == before


async def test_turns_missed_in_an_outage_are_not_made_up_for(hall: Hall) -> None:
    class Interrupted(Player):
        async def take_turn(self) -> float | None:
            if not hall.turns:
                await asyncio.sleep(0.5)
            return await super().take_turn()

    await Schedule([Interrupted(hall, 1, pause=1.0)], Pace(rate=100, duration=0.6)).run()
    assert 2 <= hall.turns.total() <= 15


async def test_turns_that_were_begun_are_finished_when_time_is_up(hall: Hall) -> None:
    players = [Player(hall, seat, pause=1.0, takes=0.3) for seat in range(10)]
    await Schedule(players, Pace(rate=100, duration=0.2)).run()
    assert hall.playing == 0
    assert hall.turns.total() == 10


async def test_cancelling_ends_it_without_an_error_and_finishes_turns(hall: Hall) -> None:
    players = [Player(hall, seat, pause=1.0, takes=0.3) for seat in range(10)]
    running = asyncio.create_task(Schedule(players, Pace(rate=100)).run())
    await asyncio.sleep(0.2)
    running.cancel()
    await running
    assert (hall.playing, hall.turns.total()) == (0, 10)


async def test_a_turn_without_end_is_given_up(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partner_api.operations.simulation.schedule._GRACE_SECONDS", 0.1)
    began = time.monotonic()
    await Schedule([Player(hall, 1, pause=1.0, takes=60.0)], Pace(duration=0.1)).run()
    assert time.monotonic() - began < 5


async def test_an_error_in_a_turn_is_told() -> None:
    class Broken(Player):
        async def take_turn(self) -> float | None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Schedule([Broken(Hall(), 1, pause=1.0)], Pace()).run()
