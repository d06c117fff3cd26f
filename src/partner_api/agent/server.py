"""The server as one device sees it; what it answers is not trusted to be from it.

Between a device and its server are proxies, portals and load balancers with answers of their own.
Only one that has the server's own shape may take an entry out of the spool.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from partner_api.agent.host import AGENT_VERSION
from partner_api.kernel.errors import (
    Invalid,
    PartnerApiError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

Item = dict[str, Any]

_TIMEOUT = httpx.Timeout(15, connect=5)
# For servers that trickle their answers: every read is in time, and together they never end.
_LONGEST_EXCHANGE_SECONDS = 60
_TOKEN = re.compile(r"nwx_[ed]t_[!-~]+")


@dataclass(frozen=True)
class Receipt:
    """The server has dealt with a list of items; these sentences say why it did not take some."""

    rejected: Sequence[str]
    check_in_interval_seconds: int | None = None


@dataclass(frozen=True)
class Place:
    """What a server answers to an enrollment."""

    msp_id: str
    org_id: str
    client_id: str
    device_token: str
    check_in_interval_seconds: int


def open_http(server_url: str) -> httpx.AsyncClient:
    """Connections to a server, for `Server`."""
    headers = {"User-Agent": f"partner-api-agent/{AGENT_VERSION}"}
    return httpx.AsyncClient(base_url=server_url, timeout=_TIMEOUT, headers=headers)


class Server:
    """Speaks with a server in the name of a token.

    Every call raises Unauthenticated when the token is not taken, Invalid when the server will
    never take what was sent, and Unavailable when it may later.
    """

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            # Not shown, and not put into a header either, whose errors would show it.
            raise Invalid("The token is not one of a Partner API: those begin with nwx_et_")
        self._http = http
        self._token = token

    async def enroll(self, facts: Item) -> Place:
        """Join the enrollment token's organization."""
        data = await self._post("/v1/agent/enroll", facts)
        try:
            return Place(
                msp_id=str(data["mspId"]),
                org_id=str(data["orgId"]),
                client_id=str(data["clientId"]),
                device_token=str(data["deviceToken"]),
                check_in_interval_seconds=int(data["checkInIntervalSeconds"]),
            )
        except (KeyError, TypeError, ValueError):
            raise _strange(self._http) from None

    async def check_in(self, items: Sequence[Item]) -> Receipt:
        """Report check-ins, up to 500."""
        return self._receipt(await self._post("/v1/agent/check-ins", {"checkIns": items}))

    async def add_log_lines(self, items: Sequence[Item]) -> Receipt:
        """Report log lines, up to 500."""
        return self._receipt(await self._post("/v1/agent/logs", items))

    def _receipt(self, data: Any) -> Receipt:
        try:
            rejected = [str(item["message"]) for item in data["rejected"]]
            int(data["accepted"])
            interval = data.get("checkInIntervalSeconds")
            return Receipt(rejected, None if interval is None else int(interval))
        except (KeyError, TypeError, ValueError):
            raise _strange(self._http) from None

    async def _post(self, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with asyncio.timeout(_LONGEST_EXCHANGE_SECONDS):
                response = await self._http.post(path, json=body, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{self._http.base_url} cannot be reached: {reason}", 0) from None
        content = _json(response)
        if response.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}:
            raise _refusal(response, content)
        if not isinstance(content, dict) or "data" not in content:
            raise _strange(self._http)
        return content["data"]


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _refusal(response: httpx.Response, content: Any) -> PartnerApiError:
    message = content.get("message") if isinstance(content, dict) else None
    text = str(message or response.reason_phrase)
    kind = _KINDS.get(response.status_code)
    # A proxy may have a smaller limit than the server, and its own way to say so.
    if kind is not None and (message or kind is TooLarge):
        return kind(text)
    where = f"{response.request.url} answered {response.status_code}"
    return Unavailable(f"{where}: {text}", _retry_after(response))


_KINDS: dict[int, type[PartnerApiError]] = {
    HTTPStatus.BAD_REQUEST: Invalid,
    HTTPStatus.UNAUTHORIZED: Unauthenticated,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge,
}


def _strange(http: httpx.AsyncClient) -> Unavailable:
    return Unavailable(
        f"{http.base_url} does not answer as a Partner API does; is something in between?", 0
    )


def _retry_after(response: httpx.Response) -> int:
    # Given as a date it would have to be read by somebody's clock, and any of them may be wrong.
    text = response.headers.get("Retry-After", "")
    return int(text[:9]) if text.isascii() and text.isdigit() else 0
