"""Addresses, looked at before they are registered."""

from partner_api.kernel.at_once import AtOnce
from partner_api.kernel.ids import MspId
from partner_api.webhooks.addresses import AllowedAddresses
from partner_api.webhooks.resolution import Resolve, require_address

CHECKS_AT_ONCE = 4
"""How many addresses each MSP may have looked up in one process."""


class Registration:
    """Resolves hosts of a few addresses of each MSP at once: their name servers may be slow."""

    def __init__(self, allowed: AllowedAddresses, resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._checks = AtOnce(
            CHECKS_AT_ONCE,
            f"{CHECKS_AT_ONCE} addresses are being looked up for you already; try again shortly",
        )

    async def require_url(self, msp_id: MspId, url: str) -> str:
        """The URL as it is kept; Invalid when webhooks may not go there, RateLimited.

        Takes seconds at worst, so nothing that others wait for is held meanwhile.
        """
        with self._checks.place(msp_id):
            return str(await require_address(url, self._allowed, self._resolve))
