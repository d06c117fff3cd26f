"""Signatures by which receivers know our requests: Standard Webhooks 1.0.0, symmetric.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from partner_api.kernel.errors import Invalid

_PREFIX = "whsec_"
_NEW_BYTES = 32
_FEWEST_BYTES, _MOST_BYTES = 24, 64


def new_signing_secret() -> str:
    """`whsec_` and 256 random bits."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def signed_headers(
    signing_secrets: Sequence[str], message_id: str, at: datetime, body: bytes
) -> Mapping[str, str]:
    """The headers that vouch for a body, sent at that instant.

    All attempts at a message carry the same id, each its own instant. While a secret is being
    replaced, both are given, so that a receiver may know either. Invalid when one is no secret.
    """
    # The id ends at the first full stop of what is signed; with one in it, where it ends is open.
    if not message_id or "." in message_id:
        raise ValueError("A message id is not empty and has no full stop")
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = (_signature(secret, signed) for secret in signing_secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _signature(signing_secret: str, signed: bytes) -> str:
    digest = hmac.digest(_key(signing_secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(signing_secret: str) -> bytes:
    if signing_secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(signing_secret.removeprefix(_PREFIX), validate=True)
        except (ValueError, binascii.Error):
            key = b""
        if _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
            return key
    raise Invalid(
        f"A signing secret is {_PREFIX} and {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64"
    )
