"""What delivers to webhooks, put together; apart from the worker, whose other kinds start without.

All that renders and sends takes as long to load as the rest of a worker.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from partner_api.config import Settings, parse_secret_keys
from partner_api.kernel.clock import Clock
from partner_api.surfaces.partner.event_mapping import event_json
from partner_api.webhooks.addresses import AllowedAddresses
from partner_api.webhooks.backlog import Backlog
from partner_api.webhooks.delivering import Deliverer
from partner_api.webhooks.outbox import Outbox
from partner_api.webhooks.resolution import Resolver, SharedResolver
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.sending import Sender
from partner_api.webhooks.transport import Transport


@asynccontextmanager
async def open_deliverer(
    settings: Settings, pool: asyncpg.Pool, clock: Clock
) -> AsyncIterator[tuple[Deliverer, Backlog]]:
    """What sends what is queued, and what queues what is behind; works until the block ends."""
    keys = settings.secret_keys.get_secret_value() if settings.secret_keys else ""
    sealer = Sealer(parse_secret_keys(keys))
    allowed = AllowedAddresses(settings.webhook_allow_http, settings.webhook_allowed_networks)
    resolver = Resolver()
    try:
        transport = Transport(allowed, resolver)
        sender = Sender(transport, SharedResolver(resolver), sealer, event_json, clock)
        yield Deliverer(Outbox(pool, clock), sender.send), Backlog(pool, clock)
    finally:
        resolver.close()
