"""The server as one device reaches it."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import httpx

from partner_api.agent.answers import Place, Receipt, read_place, read_receipt
from partner_api.agent.host import AGENT_VERSION
from partner_api.kernel.errors import Invalid, Unavailable

Item = dict[str, Any]
Items = Sequence[Item]

_TIMEOUT = httpx.Timeout(15, connect=5)
# For answers that trickle in: every read is in time, and together they never end.
_LONGEST_EXCHANGE_SECONDS = 60
_TOKEN = re.compile(r"nwx_[ed]t_[!-~]+")


def open_http(address: str) -> httpx.AsyncClient:
    """Connections to a server, for `Server`."""
    headers = {"User-Agent": f"partner-api-agent/{AGENT_VERSION}"}
    return httpx.AsyncClient(base_url=address, timeout=_TIMEOUT, headers=headers)


class Server:
    """Speaks with a server in the name of a token.

    Every call raises Unauthenticated when the token is not taken, Invalid when the server will
    never take what was sent, and Unavailable when it may later.
    """

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            # Not shown, and not put into a header either: an error about that would show it.
            raise Invalid("The token is not one of a Partner API: those begin with nwx_et_")
        self._http = http
        self._token = token

    async def enroll(self, facts: Item) -> Place:
        """Join the enrollment token's organization."""
        return read_place(await self._post("/v1/agent/enroll", facts))

    async def check_in(self, items: Items) -> Receipt:
        """Report check-ins, up to 500."""
        return read_receipt(await self._post("/v1/agent/check-ins", {"checkIns": items}))

    async def add_log_lines(self, items: Items) -> Receipt:
        """Report log lines, up to 500."""
        return read_receipt(await self._post("/v1/agent/logs", items))

    async def _post(self, path: str, body: Item | Items) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with asyncio.timeout(_LONGEST_EXCHANGE_SECONDS):
                return await self._http.post(path, json=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{self._http.base_url} cannot be reached: {reason}", 0) from None
