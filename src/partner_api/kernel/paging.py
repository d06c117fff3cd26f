"""Cursors: where a walk through a list stands, signed so that nobody can write their own."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from partner_api.kernel.errors import Invalid
from partner_api.kernel.text import decode_base64url, encode_base64url

Row = TypeVar("Row")
CursorKey = str | int | None

_TAG_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_decode = msgspec.json.Decoder(list[CursorKey]).decode


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list: its rows, how many match in all, and where the next page begins."""

    rows: Sequence[Row]
    total: int
    next_cursor: str | None


class CursorSigner:
    """Seals and opens cursors; a cursor opens only for the walk it was made for.

    `walk` is everything that must not change between two pages: tenant, route, filters, sort.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [hashlib.sha256(b"partner-api cursor" + key).digest() for key in keys]

    def seal(self, walk: Sequence[str | None], position: Sequence[CursorKey]) -> str:
        """The opaque cursor for `position`, the sort key of the last row shown."""
        payload = msgspec.json.encode(list(position))
        return encode_base64url(_tag(self._keys[0], walk, payload) + payload)

    def open(self, walk: Sequence[str | None], cursor: str) -> list[CursorKey]:
        """The position in `cursor`; Invalid when it was tampered with or belongs elsewhere."""
        sealed = decode_base64url(cursor)
        if sealed is None:
            raise _invalid_cursor()
        tag, payload = sealed[:_TAG_BYTES], sealed[_TAG_BYTES:]
        if not any(hmac.compare_digest(tag, _tag(key, walk, payload)) for key in self._keys):
            raise _invalid_cursor()
        return _decode(payload)


def micros(instant: datetime | None) -> int | None:
    """An instant as a cursor carries it: microseconds since 1970."""
    return None if instant is None else (instant - _EPOCH) // timedelta(microseconds=1)


def micros_to_instant(key: CursorKey) -> datetime | None:
    """The instant `micros` was made from."""
    return None if key is None else _EPOCH + timedelta(microseconds=int(key))


def _tag(key: bytes, walk: Sequence[str | None], payload: bytes) -> bytes:
    bound = msgspec.json.encode(list(walk)) + b"\n" + payload
    return hmac.digest(key, bound, "sha256")[:_TAG_BYTES]


def _invalid_cursor() -> Invalid:
    return Invalid(
        "cursor is not one this list gave out for the same filters and sort; start again without it"
    )
