"""Addresses, looked at before they are registered."""

from partner_api.kernel.errors import Conflict
from partner_api.kernel.ids import MspId
from partner_api.tenancy.grouping import Grouping
from partner_api.webhooks.addresses import AllowedAddresses
from partner_api.webhooks.resolution import SharedResolver, require_address


class Registration:
    """Says whether an address may be a webhook's."""

    def __init__(
        self, allowed: AllowedAddresses, resolver: SharedResolver, grouping: Grouping
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._grouping = grouping

    async def require_url(self, msp_id: MspId, url: str) -> str:
        """The URL as it is kept; Invalid when webhooks may not go there.

        Conflict on a distributed database, from which nothing is delivered.
        Takes seconds at worst, so nothing that others wait for is to be held meanwhile.
        """
        if self._grouping.is_one_tenant:
            raise Conflict("This server does not deliver to webhooks; follow GET /v1/events")
        address = await require_address(url, self._allowed, self._resolver.of(msp_id))
        return str(address)
