"""Webhooks of tenants, and the worker's work on them, done when a test says so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import asyncpg

from partner_api.events.types import EventType
from partner_api.kernel.ids import uuid7
from partner_api.surfaces.partner.event_mapping import event_json
from partner_api.webhooks.addresses import AllowedAddresses
from partner_api.webhooks.backlog import Backlog
from partner_api.webhooks.outbox import Claim, Outbox, Result
from partner_api.webhooks.resolution import Resolve, SharedResolver
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.sending import Sender
from partner_api.webhooks.transport import Transport
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.events.log import Log
from tests.factories.tenants import Tenant
from tests.webhooks.receivers import Receiver
from tests.webhooks.test_transport import NOBODY

SECRET = "whsec_" + "c2VjcmV0" * 4
HERE = AllowedAddresses(allow_http=True, networks=(ip_network("127.0.0.0/8"),))

_INSERT = """
    insert into webhooks (msp_id, webhook_id, url, events, org_id, is_enabled, sealed_secret,
                          created_at)
    values ($1, $2, $3, $4, $5, true, $6, $7)"""
_ENDED = """
    select position, is_delivered, attempts from webhook_deliveries
     where msp_id = $1 and webhook_id = $2 order by position"""


@dataclass
class Post:
    """Every MSP's."""

    owner: asyncpg.Connection
    pool: asyncpg.Pool
    log: Log
    clock: StoppedClock
    sealer: Sealer = field(default_factory=lambda: Sealer(RING))

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.pool, self.clock)
        self.backlog = Backlog(self.pool, self.clock)

    async def add_webhook(
        self,
        tenant: Tenant,
        url: str,
        *events: str,
        org_id: UUID | None = None,
        secret: str = SECRET,
    ) -> UUID:
        """An enabled webhook; without types it hears of all but check-ins."""
        # What made the tenant is no news to it.
        await self.log.number()
        webhook_id = uuid7(self.clock.now())
        hears = [each for each in EventType if each is not EventType.DEVICE_CHECKIN]
        sealed = self.sealer.seal(secret, tenant.msp_id, webhook_id)
        values = (tenant.msp_id, webhook_id, url, list(events) or hears, org_id, sealed)
        await self.owner.execute(_INSERT, *values, self.clock.now())
        return webhook_id

    async def change(self, webhook_id: UUID, **columns: object) -> None:
        """Set columns of a webhook, as the API would."""
        for name, value in columns.items():
            await self.owner.execute(
                f"update webhooks set {name} = $2 where webhook_id = $1", webhook_id, value
            )

    async def webhook(self, webhook_id: UUID) -> asyncpg.Record:
        row = await self.owner.fetchrow("select * from webhooks where webhook_id = $1", webhook_id)
        assert row is not None
        return row

    def sender(self, resolve: Resolve) -> Sender:
        transport = Transport(HERE, resolve, tls=NOBODY)
        return Sender(transport, SharedResolver(resolve), self.sealer, event_json, self.clock)

    async def claim(self, tenant: Tenant, limit: int = 1000) -> Sequence[Claim]:
        """What the tenant has that is due, as far as it may be under way at once."""
        waiting = await self.outbox.waiting()
        return await self.outbox.claim(tenant.msp_id, waiting.get(tenant.msp_id, []), limit)

    async def deliver(self, tenant: Tenant, sender: Sender) -> list[Result]:
        """Attempt everything of a tenant's that is due, or becomes due by that."""
        results: list[Result] = []
        while claims := await self.claim(tenant):
            some = [await sender.send(claim) for claim in claims]
            await self.outbox.settle(tenant.msp_id, some)
            results += some
        return results

    async def queued(self, webhook_id: UUID) -> Sequence[asyncpg.Record]:
        return await self.owner.fetch(
            "select * from webhook_outbox where webhook_id = $1 order by position", webhook_id
        )

    async def ended(self, tenant: Tenant, webhook_id: UUID) -> Mapping[int, tuple[bool, list[Any]]]:
        """What became of deliveries, by their places in the log: delivered or not, attempts."""
        rows = await self.owner.fetch(_ENDED, tenant.msp_id, webhook_id)
        return {position: (is_delivered, json.loads(each)) for position, is_delivered, each in rows}

    async def interests(self, tenant: Tenant) -> set[str]:
        rows = await self.owner.fetch(
            "select source from event_interests where msp_id = $1", tenant.msp_id
        )
        return {row[0] for row in rows}


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    """What a receiver was told, in the order in which it came."""
    return [json.loads(body) for _, _, body in receiver.requests]


def kinds(receiver: Receiver) -> list[str]:
    return [body["type"] for body in bodies(receiver)]
