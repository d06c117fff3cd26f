"""One simulated device: it enrolls, checks in, measures and logs as its kind does."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import httpx

from partner_api.kernel.clock import Clock
from partner_api.operations.simulation import reports
from partner_api.operations.simulation.answers import CheckInResult, Data, Enrolled, LogResult
from partner_api.operations.simulation.client import Client, Refused
from partner_api.operations.simulation.fleet import PlannedDevice
from partner_api.operations.simulation.mix import CLOCK_ERROR, LATE_BY, SILENT_FOR, Kind
from partner_api.operations.simulation.network import Network
from partner_api.operations.simulation.state import DeviceState, State
from partner_api.operations.simulation.tokens import Token, TokenSource

_AFTER_REFUSAL_SECONDS = 60.0
_UNTIL_TOLD_SECONDS = 10.0
_SHARE_WITH_FACTS = 0.1
_SHARE_WITH_LOGS = 0.2
_ONE_EARLIER = timedelta(seconds=1)
_NOTHING = timedelta()
_AGES = {**SILENT_FOR, Kind.LATE: LATE_BY}


@dataclass(frozen=True)
class _CheckIn:
    sequence: int
    observed_at: datetime
    said: Mapping[str, object]


class Device:
    """A planned device that remembers itself in `state`; `permits` let it enroll."""

    def __init__(
        self,
        planned: PlannedDevice,
        permits: TokenSource,
        state: State,
        client: Client,
        clock: Clock,
        random: Random,
    ) -> None:
        self.planned = planned
        self._permits = permits
        self._state = state
        self._client = client
        self._clock = clock
        self._random = random
        self._network = Network(planned)
        self._stated: Mapping[str, str] = {}
        self._held: _CheckIn | None = None
        self._pause = _UNTIL_TOLD_SECONDS
        known = state.devices.get(planned.client_id)
        self._tokens = TokenSource(self._enroll, clock, Token(known.token) if known else None)

    @property
    def is_live(self) -> bool:
        """Whether it checks in without end."""
        return self.planned.kind.is_live

    @property
    def is_enrolled(self) -> bool:
        """Whether it has a token, from this run or an earlier one."""
        return self.planned.client_id in self._state.devices

    async def ensure_enrolled(self) -> None:
        """Enroll, unless an earlier run did; Refused."""
        await self._tokens.get()

    async def take_turn(self) -> float | None:
        """Check in as its kind does, and log at times.

        The answer is how many seconds to wait until the next turn, None if there is none.
        """
        if self.planned.kind is Kind.NEVER_SEEN:
            return None
        if self._network.is_out(self._clock.now()):
            return self._pause
        try:
            pause = self._pause = await self._check_in(self._next())
            if self.is_live and self._random.random() < _SHARE_WITH_LOGS:
                await self._log()
        except Refused:
            self._client.tally.errors += 1
            pause = _AFTER_REFUSAL_SECONDS
        return pause if self.is_live else None

    async def _enroll(self) -> Token:
        body = {"clientId": self.planned.client_id, **self.planned.facts}
        enrolled = await self._client.ask_as(
            self._permits,
            lambda token: self._client.request("POST", "/v1/agent/enroll", token, json=body),
            Data[Enrolled],
        )
        token = enrolled.data.device_token
        # Sequence numbers go on, for the check-in that met the end of the old token has one.
        memory = self._state.devices.setdefault(self.planned.client_id, DeviceState(token))
        memory.token = token
        return Token(token)

    def _next(self) -> _CheckIn:
        """The check-in to send in this turn; duplicates and late-comers have a turn of their own.

        That way every kind checks in at the rate that was asked for.
        """
        if self._held is not None:
            held, self._held = self._held, None
            return held
        kind, now = self.planned.kind, self._clock.now()
        if kind is Kind.REORDERED:
            self._held = self._observe(now - _ONE_EARLIER)
        made = self._observe(now - _AGES.get(kind, _NOTHING))
        if kind is Kind.DUPLICATE:
            self._held = made
        return made

    def _observe(self, at: datetime) -> _CheckIn:
        memory = self._state.devices[self.planned.client_id]
        memory.next_sequence += 1
        measured = {"network": self._network.report(at), "metrics": self._network.metrics(at)}
        return _CheckIn(memory.next_sequence - 1, at, {**self._rarely_said(at), **measured})

    def _rarely_said(self, at: datetime) -> Mapping[str, object]:
        # In full at first, for the plan may be newer than what the server knows.
        facts = {**self.planned.facts, "currentVersion": self._network.version(at)}
        if facts == self._stated and self._random.random() >= _SHARE_WITH_FACTS:
            return {}
        self._stated = facts
        return {**facts, "interfaces": self._network.interfaces(at)}

    async def _check_in(self, check_in: _CheckIn) -> float:
        error = CLOCK_ERROR if self.planned.kind is Kind.CLOCK_SKEW else _NOTHING
        attempted_at = 0.0

        def make(token: str) -> httpx.Request:
            nonlocal attempted_at
            attempted_at = time.perf_counter()
            body = reports.check_in(
                check_in.sequence,
                check_in.observed_at + error,
                self._clock.now() + error,
                check_in.said,
            )
            return self._client.request("POST", "/v1/agent/check-ins", token, json=body)

        tally = self._client.tally
        tally.sent += 1
        result = (await self._client.ask_as(self._tokens, make, Data[CheckInResult])).data
        tally.answered(result.accepted, result.duplicates, time.perf_counter() - attempted_at)
        return result.check_in_interval_seconds

    async def _log(self) -> None:
        entries = reports.log_entries(self._random, self._clock.now())
        await self._client.ask_as(
            self._tokens,
            lambda token: self._client.request("POST", "/v1/agent/logs", token, json=entries),
            Data[LogResult],
        )
