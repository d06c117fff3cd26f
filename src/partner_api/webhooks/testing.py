"""A message that says nothing happened, so that somebody can see whether a webhook works."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID

from partner_api.events.types import format_event_id
from partner_api.kernel.at_once import AtOnce
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Misconfigured, Unavailable
from partner_api.kernel.ids import MspId
from partner_api.tenancy.session import TenantSession
from partner_api.webhooks.resolution import SharedResolver
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.service import require_webhook, signing_secrets
from partner_api.webhooks.signing import signed_headers
from partner_api.webhooks.transport import Outcome, Transport

TEST_ID = format_event_id(0)
"""No event's: logs begin with 1."""
TESTS_AT_ONCE = 4
"""How many each MSP may have under way in one process."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """A webhook, as far as is needed to send to it."""

    msp_id: MspId
    webhook_id: UUID
    url: str
    secrets: Sequence[str] = field(repr=False)


class WebhookTester:
    """Sends test messages, enabled or not, and tells what came of it."""

    def __init__(
        self, transport: Transport, resolver: SharedResolver, sealer: Sealer, clock: Clock
    ) -> None:
        self._transport = transport
        self._resolver = resolver
        self._sealer = sealer
        self._clock = clock
        self._tests = AtOnce(
            TESTS_AT_ONCE,
            f"{TESTS_AT_ONCE} tests of your webhooks are under way already; let one of them end",
        )

    def place(self, msp_id: MspId) -> AbstractContextManager[None]:
        """To be held during a test; RateLimited when as many are under way as may be."""
        return self._tests.place(msp_id)

    async def require_target(self, session: TenantSession, webhook_id: UUID) -> Target:
        """Where a test goes; WebhookNotFound, Unavailable when its secret cannot be read."""
        webhook = await require_webhook(session, webhook_id)
        try:
            secrets = signing_secrets(webhook, self._sealer, self._clock.now())
        except Misconfigured as error:
            _logger.error("%s", error)
            raise Unavailable(
                "The webhook's secret cannot be read; rotate it, or tell who runs this server"
            ) from error
        return Target(session.msp_id, webhook_id, webhook.url, secrets)

    async def send(self, target: Target, body: bytes) -> Outcome:
        """Send a body and wait for what comes of it: seconds, during which nothing is held."""
        headers = signed_headers(target.secrets, TEST_ID, self._clock.now(), body)
        transport = self._transport.resolving_by(self._resolver.of(target.msp_id))
        return await transport.post(target.url, headers, body)
