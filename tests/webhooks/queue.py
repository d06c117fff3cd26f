"""Deliveries as the worker leaves them, written past it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from partner_api.kernel.clock import Clock
from partner_api.kernel.timestamps import format_timestamp
from tests.events.log import DEVICE
from tests.factories.tenants import Tenant

NEVER = datetime.max.replace(tzinfo=UTC)
LATER = timedelta(hours=2)
"""How long what failed once waits here until it is tried again."""

_EVENT = """
    insert into events (msp_id, position, type, happened_at, client_id, data, kept_until)
    values ($1, $2, 'device.online', $3, $4, $5, $6)"""
_LOG = """
    insert into event_logs as l (msp_id, last_position) values ($1, $2)
    on conflict (msp_id) do update
       set last_position = greatest(l.last_position, excluded.last_position)"""
_QUEUED = """
    insert into webhook_outbox
           (msp_id, webhook_id, position, kept_until, client_id, due_at, is_claimed, attempts)
    values ($1, $2, $3, $4, $5, $6, $7, $8)"""
_ENDED = """
    insert into webhook_deliveries
           (msp_id, webhook_id, position, kept_until, is_delivered, attempts)
    values ($1, $2, $3, $4, $5, $6)"""


@dataclass(frozen=True)
class Queued:
    """A row of the outbox."""

    due_at: datetime | None
    """None when it waits for an earlier one."""
    failures: int
    attempts: int


@dataclass
class Queue:
    """One tenant's events, and one webhook's deliveries of them."""

    connection: asyncpg.Connection
    clock: Clock
    tenant: Tenant
    webhook_id: str

    @property
    def path(self) -> str:
        return f"/v1/webhooks/{self.webhook_id}"

    async def log(self, position: int, client_id: UUID | None = None) -> None:
        """An event at a place in the tenant's log."""
        msp_id, now = self.tenant.msp_id, self.clock.now()
        data = json.dumps({"device": DEVICE})
        await self.connection.execute(_EVENT, msp_id, position, now, client_id, data, self._kept)
        await self.connection.execute(_LOG, msp_id, position)

    async def failed_once(
        self,
        position: int,
        client_id: UUID | None = None,
        *,
        waits: bool = False,
        is_claimed: bool = False,
    ) -> None:
        """A delivery that is tried again later, or after another of its device."""
        await self.log(position, client_id)
        due_at = NEVER if waits else self.clock.now() + LATER
        row = (position, self._kept, client_id, due_at, is_claimed, json.dumps([self.attempt(503)]))
        await self.connection.execute(_QUEUED, *self._of, *row)

    async def ended(
        self, position: int, client_id: UUID | None = None, *, is_delivered: bool = True
    ) -> None:
        """A delivery that is over."""
        await self.log(position, client_id)
        attempts = json.dumps([self.attempt(200 if is_delivered else 503)])
        await self.connection.execute(
            _ENDED, *self._of, position, self._kept, is_delivered, attempts
        )

    def attempt(self, status: int) -> dict[str, Any]:
        """One attempt as it is stored and as it is shown."""
        at = format_timestamp(self.clock.now())
        return {"at": at, "httpStatus": status, "latencyMs": 12, "responseExcerpt": "so"}

    async def rows(self) -> dict[int, Queued]:
        """What is queued, by place in the log."""
        found = await self.connection.fetch(
            "select position, nullif(due_at, 'infinity') as due_at, failures, "
            "jsonb_array_length(attempts) as attempts from webhook_outbox "
            "where msp_id = $1 and webhook_id = $2 order by position",
            *self._of,
        )
        return {row["position"]: Queued(row["due_at"], row[2], row[3]) for row in found}

    async def set(self, **columns: object) -> None:
        """Change the webhook's row."""
        changes = ", ".join(f"{name} = ${3 + place}" for place, name in enumerate(columns))
        statement = f"update webhooks set {changes} where msp_id = $1 and webhook_id = $2"
        await self.connection.execute(statement, *self._of, *columns.values())

    async def fetch(self, table: str) -> Sequence[asyncpg.Record]:
        """A table's rows of this webhook."""
        statement = f"select * from {table} where msp_id = $1 and webhook_id = $2"
        return await self.connection.fetch(statement, *self._of)

    @property
    def _of(self) -> tuple[UUID, UUID]:
        return self.tenant.msp_id, UUID(self.webhook_id)

    @property
    def _kept(self) -> datetime:
        return self.clock.now() + timedelta(days=30)
