"""How many MSPs one call of a database function may write for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from partner_api.database.distribution.catalog import is_distributed
from partner_api.database.pools import acquired, create_pool


@dataclass(frozen=True)
class Grouping:
    """Chosen once, by what the database is.

    Functions that take one row or more of a group have the tenants as their first argument: an
    array of them, or a single one where each tenant's rows lie on one shard.
    """

    is_one_tenant: bool
    argument: str
    """The first argument as statements spell it."""
    plan_settings: Mapping[str, str]
    """For the connections that call these functions, beside those that hold anywhere."""

    def tenants(self, msp_ids: Sequence[UUID]) -> UUID | Sequence[UUID]:
        """The first argument for rows of these tenants."""
        return msp_ids[0] if self.is_one_tenant else msp_ids


EVERY_TENANT: Final = Grouping(
    is_one_tenant=False,
    argument="$1::uuid[]",
    plan_settings={},
)
ONE_TENANT: Final = Grouping(
    is_one_tenant=True,
    argument="$1::uuid",
    # A distributed database picks the shard when it plans, by the values.
    plan_settings={"plan_cache_mode": "force_custom_plan"},
)


async def find_grouping(url: str) -> Grouping:
    """How to group on a database; Unavailable."""
    async with await create_pool(url, size=1) as pool, acquired(pool) as connection:
        return ONE_TENANT if await is_distributed(connection) else EVERY_TENANT
