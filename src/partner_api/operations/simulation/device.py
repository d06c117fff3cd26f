"""One simulated device: it enrolls, checks in and logs as its kind does."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from random import Random

import httpx

from partner_api.kernel.clock import Clock
from partner_api.operations.simulation import reports
from partner_api.operations.simulation.answers import CheckInResult, Data, Enrolled, LogResult
from partner_api.operations.simulation.client import Client, Refused
from partner_api.operations.simulation.fleet import SILENT_FOR, Kind, PlannedDevice
from partner_api.operations.simulation.state import DeviceState, State
from partner_api.operations.simulation.tokens import Token, TokenSource

_FIRST_CHECK_IN_WITHIN_SECONDS = 9.0
_AFTER_REFUSAL_SECONDS = 60.0
_SHARE_WITH_FACTS = 0.1
_SHARE_WITH_LOGS = 0.2


class Device:
    """A planned device that remembers itself in `state`; `permits` let it enroll."""

    def __init__(
        self,
        planned: PlannedDevice,
        permits: TokenSource,
        state: State,
        client: Client,
        clock: Clock,
    ) -> None:
        self.planned = planned
        self._permits = permits
        self._state = state
        self._client = client
        self._clock = clock
        self._random = Random(planned.client_id)  # noqa: S311 - make-believe has no secrets
        known = state.devices.get(planned.client_id)
        self._tokens = TokenSource(self._enroll, clock, Token(known.token) if known else None)

    async def ensure_enrolled(self) -> None:
        """Enroll, unless an earlier run did; Refused."""
        await self._tokens.get()

    async def live(self, started_at: datetime) -> None:
        """Behave as its kind does, which for a live one has no end."""
        kind = self.planned.kind
        if kind is Kind.NEVER_SEEN:
            return
        await asyncio.sleep(self._random.uniform(0, _FIRST_CHECK_IN_WITHIN_SECONDS))
        if kind.is_live:
            await self._keep_reporting()
        else:
            await self.report(self.planned.facts, started_at - SILENT_FOR[kind])

    async def report(self, facts: Mapping[str, str], observed_at: datetime | None = None) -> float:
        """Check in, as of now unless told otherwise, and log at times.

        The answer is how many seconds to wait until the next time.
        """
        try:
            pause = await self._check_in(facts, observed_at)
            if observed_at is None and self._random.random() < _SHARE_WITH_LOGS:
                await self._log()
        except Refused:
            self._client.tally.failures += 1
            return _AFTER_REFUSAL_SECONDS
        return pause

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

    async def _keep_reporting(self) -> None:
        # Stated in full at first, for the plan may be newer than what the server knows.
        facts = self.planned.facts
        while True:
            await asyncio.sleep(await self.report(facts))
            facts = self.planned.facts if self._random.random() < _SHARE_WITH_FACTS else {}

    async def _check_in(self, facts: Mapping[str, str], observed_at: datetime | None) -> float:
        observed_at = observed_at or self._clock.now()
        sequence = self._next_sequence()

        def make(token: str) -> httpx.Request:
            body = reports.check_in(sequence, observed_at, self._clock.now(), facts)
            return self._client.request("POST", "/v1/agent/check-ins", token, json=body)

        self._client.tally.sent += 1
        result = (await self._client.ask_as(self._tokens, make, Data[CheckInResult])).data
        self._client.tally.accepted += result.accepted
        return result.check_in_interval_seconds

    def _next_sequence(self) -> int:
        memory = self._state.devices[self.planned.client_id]
        memory.next_sequence += 1
        return memory.next_sequence - 1

    async def _log(self) -> None:
        entries = reports.log_entries(self._random, self._clock.now())
        await self._client.ask_as(
            self._tokens,
            lambda token: self._client.request("POST", "/v1/agent/logs", token, json=entries),
            Data[LogResult],
        )
