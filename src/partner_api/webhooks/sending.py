"""One attempt: from a claim to what the receiver made of it."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random

from partner_api.events.log import read_event
from partner_api.events.types import Event, format_event_id
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Misconfigured
from partner_api.kernel.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_DELAY_SECONDS
from partner_api.kernel.timestamps import format_timestamp
from partner_api.webhooks.outbox import Claim, Result
from partner_api.webhooks.resolution import SharedResolver
from partner_api.webhooks.schedule import Verdict, judge, next_attempt_at
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.signing import signed_headers
from partner_api.webhooks.transport import Answered, Outcome, Transport

Render = Callable[[Event], bytes]
"""An event as it is posted, in JSON."""

_POSTPONED = timedelta(minutes=1)

_logger = logging.getLogger(__name__)


class Sender:
    """Makes attempts, whose outcome never is an exception."""

    def __init__(
        self,
        transport: Transport,
        resolver: SharedResolver,
        sealer: Sealer,
        render: Render,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._resolver = resolver
        self._sealer = sealer
        self._render = render
        self._clock = clock
        self._random = Random()  # noqa: S311 - spreads attempts, hides nothing

    async def send(self, claim: Claim) -> Result:
        """Attempt a delivery, which takes seconds at worst.

        Where something of ours is in the way it is put off, and does not count as an attempt.
        """
        event_id = format_event_id(claim.position)
        try:
            result = await self._send(claim, event_id)
        except Misconfigured as error:
            _logger.error("%s", error)
            result = self._postponed(claim)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must go on
            # Its text may show what the event says.
            name = type(error).__name__
            _logger.error("%s cannot be sent to webhook %s: %s", event_id, claim.webhook_id, name)
            result = self._postponed(claim)
        WEBHOOK_ATTEMPTS.labels(result.verdict or "none").inc()
        return result

    async def _send(self, claim: Claim, event_id: str) -> Result:
        if claim.event is None:
            return Result(claim, next_at=None)
        began = self._clock.now()
        WEBHOOK_DELAY_SECONDS.observe(max(0.0, (began - claim.due_at).total_seconds()))
        body = self._render(read_event(claim.event))
        secrets = [
            self._sealer.open(sealed, claim.msp_id, claim.webhook_id)
            for sealed in claim.sealed_secrets
        ]
        headers = signed_headers(secrets, event_id, began, body)
        transport = self._transport.resolving_by(self._resolver.of(claim.msp_id))
        return self._result(claim, began, await transport.post(claim.url, headers, body))

    def _result(self, claim: Claim, began: datetime, outcome: Outcome) -> Result:
        status, retry_after = None, None
        if isinstance(outcome, Answered):
            status, retry_after = outcome.status, outcome.retry_after
        verdict = judge(status)
        next_at = None
        if verdict is Verdict.FAILED:
            now = self._clock.now()
            next_at = next_attempt_at(claim.failures + 1, now, retry_after, self._random)
        return Result(claim, next_at, verdict, _attempt(began, outcome))

    def _postponed(self, claim: Claim) -> Result:
        return Result(claim, self._clock.now() + _POSTPONED)


def _attempt(began: datetime, outcome: Outcome) -> Mapping[str, object]:
    attempt: dict[str, object] = {
        "at": format_timestamp(began),
        "latencyMs": outcome.latency_ms,
    }
    if not isinstance(outcome, Answered):
        return {**attempt, "error": outcome.error}
    attempt["httpStatus"] = outcome.status
    if outcome.excerpt:
        attempt["responseExcerpt"] = outcome.excerpt
    return attempt
