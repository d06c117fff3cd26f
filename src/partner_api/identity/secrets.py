"""Secrets we hand out: 256 random bits each, kept as their SHA-256 only.

A slow hash protects what people can guess; nobody guesses these, and a slow hash per token
request would fill a core at three requests a second.

Client ids and tokens name their MSP, so that looking them up is a key read within one tenant. The
name proves nothing: only the hash of the whole text does.
"""

import hashlib
import re
import secrets
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from partner_api.kernel.ids import MspId
from partner_api.kernel.text import decode_base64url, encode_base64url

_CLIENT_ID = re.compile(r"nwx_ci_([0-9a-f]{32})[0-9a-f]{16}", re.ASCII)
_SECRET_BYTES = 32


class TokenKind(StrEnum):
    """The prefixes of tokens that name a row."""

    DEVICE = "nwx_dt_"
    ENROLLMENT = "nwx_et_"


class KeyedToken(Struct, frozen=True):
    """A token and the row it names: a device's client id or an enrollment token's id."""

    msp_id: MspId
    row_id: UUID
    text: str

    @property
    def hash(self) -> bytes:
        """What the database keeps of it."""
        return hash_secret(self.text)


def new_client_id(msp_id: MspId) -> str:
    """`nwx_ci_`, the MSP, 64 random bits."""
    return f"nwx_ci_{msp_id.hex}{secrets.token_hex(8)}"


def msp_of_client_id(client_id: str) -> MspId | None:
    """The MSP a client id names, None when it is none of ours."""
    match = _CLIENT_ID.fullmatch(client_id)
    return MspId(UUID(match[1])) if match else None


def new_client_secret() -> str:
    """`nwx_cs_` and 256 random bits."""
    return "nwx_cs_" + secrets.token_urlsafe(_SECRET_BYTES)


def new_keyed_token(kind: TokenKind, msp_id: MspId, row_id: UUID) -> KeyedToken:
    """A token that names its row and carries 256 random bits."""
    packed = msp_id.bytes + row_id.bytes + secrets.token_bytes(_SECRET_BYTES)
    return KeyedToken(msp_id, row_id, kind + encode_base64url(packed))


def parse_keyed_token(kind: TokenKind, text: str) -> KeyedToken | None:
    """What a token names, None when it is not of this kind or not whole."""
    if not text.startswith(kind) or len(text) != _KEYED_TOKEN_LENGTH:
        return None
    packed = decode_base64url(text[len(kind) :])
    if packed is None:
        return None
    return KeyedToken(MspId(UUID(bytes=packed[:16])), UUID(bytes=packed[16:32]), text)


def hash_secret(secret: str) -> bytes:
    """SHA-256 of a secret's text."""
    return hashlib.sha256(secret.encode()).digest()


_KEYED_TOKEN_LENGTH = len(new_keyed_token(TokenKind.DEVICE, MspId(UUID(int=0)), UUID(int=0)).text)
