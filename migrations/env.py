"""How alembic reaches the database, and what it compares."""

import asyncio
import contextlib
from functools import partial

import asyncpg
from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import create_async_engine

from partner_api.config import Settings
from partner_api.database.base import Base, TransactionId
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.partitions import PARTITIONED
from partner_api.devices import models as _devices
from partner_api.events import models as _events
from partner_api.history import models as _history
from partner_api.identity import models as _identity
from partner_api.logs import models as _logs
from partner_api.msps import models as _msps
from partner_api.organizations import models as _organizations
from partner_api.provisioning import models as _provisioning
from partner_api.settings import models as _settings
from partner_api.sweep import models as _sweep
from partner_api.telemetry import models as _telemetry
from partner_api.webhooks import models as _webhooks

# So that what is read back from the database compares with the model's.
ischema_names["xid8"] = TransactionId

# Fail after a short wait for a lock rather than queue every request behind a migration.
_SETTINGS = {"lock_timeout": "2s"}


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Partitions come and go by themselves; they are nobody's migration."""
    partitions = tuple(f"{each.table}_" for each in PARTITIONED)
    return not (kind == "table" and name is not None and name.startswith(partitions))


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=_is_ours,
        # What one migration locks does not wait for the next one's work.
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run(owner_url: str) -> None:
    connect = partial(asyncpg.connect, owner_url, server_settings=_SETTINGS)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


def _main() -> None:
    if owner_url := context.config.attributes.get("owner_url"):
        asyncio.run(_run(owner_url))
        return
    settings = Settings.from_environment()
    with contextlib.ExitStack() as stack:
        databases = (
            stack.enter_context(EmbeddedCluster(settings.data_dir).join())
            if settings.is_embedded
            else settings.external_databases()
        )
        asyncio.run(_run(databases.require_owner()))


_main()
