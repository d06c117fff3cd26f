"""Whose turn it is, and when."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from partner_api.operations.simulation.pace import Pace, first_round_seconds, passing_seconds
from partner_api.operations.simulation.workers import together

MOST_AT_ONCE = 64

_GRACE_SECONDS = 2.0


class Player(Protocol):
    """Whoever takes turns."""

    async def take_turn(self) -> float | None:
        """Do what is due; the seconds until the next turn, None when there is none."""

    @property
    def is_live(self) -> bool:
        """Whether its turns have no end."""


class Schedule:
    """Gives players their turns, at a pace; those who wait are timers and no tasks."""

    def __init__(self, players: Sequence[Player], pace: Pace) -> None:
        self._live = [player for player in players if player.is_live]
        self._passing = [player for player in players if not player.is_live]
        self._interval = pace.interval(len(self._live))
        self._duration = pace.duration
        self._due = asyncio.Queue[tuple[Player, float] | None]()
        self._is_over = False

    async def run(self) -> None:
        """Play until the pace's duration is over, or until cancelled, which is no error here."""
        self._begin()
        async with together() as tasks:
            workers = [tasks.create_task(self._work()) for _ in range(MOST_AT_ONCE)]
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(self._duration):
                    await asyncio.Event().wait()
            # Turns that were begun end by themselves, so that our numbers are the server's.
            self._end()
            for worker in workers:
                asyncio.get_running_loop().call_later(_GRACE_SECONDS, worker.cancel)

    def _begin(self) -> None:
        self._spread(self._passing, passing_seconds(len(self._passing)))
        self._spread(self._live, self._interval or first_round_seconds(len(self._live)))

    def _spread(self, players: Sequence[Player], seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        for place, player in enumerate(players):
            self._plan(player, now + seconds * place / len(players))

    def _plan(self, player: Player, due_at: float) -> None:
        asyncio.get_running_loop().call_at(due_at, self._due.put_nowait, (player, due_at))

    async def _work(self) -> None:
        while (turn := await self._due.get()) is not None and not self._is_over:
            player, due_at = turn
            pause = await player.take_turn()
            if pause is not None:
                # Counted from when it was due, so that the rate holds; after an outage from now
                # on, as what was missed is not made up for.
                now = asyncio.get_running_loop().time()
                self._plan(player, max(due_at + self._pause(pause), now))

    def _pause(self, asked: float) -> float:
        return asked if self._interval is None else self._interval

    def _end(self) -> None:
        self._is_over = True
        for _ in range(MOST_AT_ONCE):
            self._due.put_nowait(None)
