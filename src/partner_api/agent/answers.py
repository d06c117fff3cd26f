"""What a server's answers mean; that one is from the server at all has to show.

Between a device and its server are proxies, portals and load balancers with answers of their own.
Only an answer in the server's own shape may take an entry out of the spool.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from partner_api.kernel.errors import (
    Invalid,
    PartnerApiError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

_TAKEN = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
_KINDS: dict[int, type[PartnerApiError]] = {
    HTTPStatus.BAD_REQUEST: Invalid,
    HTTPStatus.UNAUTHORIZED: Unauthenticated,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge,
}
# What reading something else raises; an infinite number is an OverflowError.
_MISSHAPEN = (KeyError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True)
class Refusal:
    """An item the server did not take, by its place in the list, and why not."""

    index: int
    message: str


@dataclass(frozen=True)
class Receipt:
    """The server has dealt with a list of items, whether it took them or not."""

    rejected: Sequence[Refusal]
    check_in_interval_seconds: int | None = None


@dataclass(frozen=True)
class Place:
    """What a server answers to an enrollment."""

    msp_id: str
    org_id: str
    device_token: str = field(repr=False)
    check_in_interval_seconds: int


def read_receipt(response: httpx.Response) -> Receipt:
    """What became of a list of items; Unauthenticated, Invalid, Unavailable."""
    data = _data(response)
    try:
        int(data["accepted"])
        rejected = [Refusal(int(item["index"]), str(item["message"])) for item in data["rejected"]]
        interval = data.get("checkInIntervalSeconds")
        return Receipt(rejected, None if interval is None else int(interval))
    except _MISSHAPEN:
        raise _strange(response) from None


def read_place(response: httpx.Response) -> Place:
    """Where a device was enrolled; Unauthenticated, Invalid, Unavailable."""
    data = _data(response)
    try:
        return Place(
            msp_id=str(data["mspId"]),
            org_id=str(data["orgId"]),
            device_token=str(data["deviceToken"]),
            check_in_interval_seconds=int(data["checkInIntervalSeconds"]),
        )
    except _MISSHAPEN:
        raise _strange(response) from None


def _data(response: httpx.Response) -> Any:
    content = _json_object(response)
    if response.status_code not in _TAKEN:
        raise _refusal(response, content.get("message"))
    return content.get("data")


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        content = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _refusal(response: httpx.Response, message: object) -> PartnerApiError:
    text = str(message or response.reason_phrase)
    kind = _KINDS.get(response.status_code)
    # A proxy's limit may be smaller than the server's, and it has its own way to say so.
    if kind is not None and (message or kind is TooLarge):
        return kind(text)
    where = f"{response.request.url} answered {response.status_code}"
    return Unavailable(f"{where}: {text}", _retry_after(response))


def _strange(response: httpx.Response) -> Unavailable:
    url = response.request.url
    return Unavailable(f"{url} is not answered by a Partner API; is something in between?", 0)


def _retry_after(response: httpx.Response) -> int:
    # Given as a date it would have to be read by somebody's clock, and any of them may be wrong.
    text = response.headers.get("Retry-After", "")
    return int(text[:9]) if text.isascii() and text.isdigit() else 0
