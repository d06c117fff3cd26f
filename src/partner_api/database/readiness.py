"""Whether this process can serve: the database answers and is migrated."""

import asyncpg

from partner_api.database.pools import DATABASE_AWAY, acquired
from partner_api.database.revisions import check_revision
from partner_api.kernel.errors import Misconfigured, Unavailable


class Readiness:
    """Asks the database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def require(self) -> None:
        """Unavailable, with the reason, when this process cannot serve."""
        try:
            async with acquired(self._pool) as connection:
                await check_revision(connection)
        except Misconfigured as error:
            raise Unavailable(error.message, 5) from error
        except DATABASE_AWAY as error:
            raise Unavailable("The database is not available", 5) from error
