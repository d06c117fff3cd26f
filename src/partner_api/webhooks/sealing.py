"""Signing secrets at rest: encrypted under the server's keys, each for one webhook only.

A secret has to be known in clear to sign with it, so unlike tokens it cannot be kept as a hash.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from partner_api.config import PREFIX, SecretKey
from partner_api.kernel.errors import Misconfigured
from partner_api.kernel.ids import MspId

# Tokens are signed with the ring's own bytes; what derives from them here serves nothing else.
_PURPOSE = b"partner-api webhook signing secret v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32


class Sealer:
    """Seals with the ring's first key and opens with any: AES-256-GCM, as `kid:base64`.

    What was sealed for one webhook of one MSP opens for no other, so a row that is copied over
    another gives nothing away and signs nothing.
    """

    def __init__(self, ring: Sequence[SecretKey]) -> None:
        self._ring = {key.kid: AESGCM(_derived(key.secret)) for key in ring}
        self._sealing_kid = ring[0].kid

    def seal(self, signing_secret: str, msp_id: MspId, webhook_id: UUID) -> str:
        """What the database keeps of a webhook's secret."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ring[self._sealing_kid]
        sealed = cipher.encrypt(nonce, signing_secret.encode(), _owner(msp_id, webhook_id))
        return f"{self._sealing_kid}:{base64.b64encode(nonce + sealed).decode()}"

    def is_newest(self, sealed: str) -> bool:
        """Whether a secret is sealed with the ring's first key, and needs no other."""
        return sealed.partition(":")[0] == self._sealing_kid

    def open(self, sealed: str, msp_id: MspId, webhook_id: UUID) -> str:
        """The secret again; Misconfigured when the ring has no key for it, or another."""
        kid, _, encoded = sealed.partition(":")
        cipher = self._ring.get(kid)
        if cipher is None:
            raise Misconfigured(
                f"{PREFIX}SECRET_KEYS has no key {kid!r}, with which the secret of webhook "
                f"{webhook_id} is encrypted; put that key back, after those in use"
            )
        try:
            packed = base64.b64decode(encoded, validate=True)
            nonce, rest = packed[:_NONCE_BYTES], packed[_NONCE_BYTES:]
            return cipher.decrypt(nonce, rest, _owner(msp_id, webhook_id)).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise Misconfigured(
                f"The secret of webhook {webhook_id} does not open with key {kid!r} of "
                f"{PREFIX}SECRET_KEYS: that key is not the one it was encrypted with, or what "
                "the database keeps was altered"
            ) from None


def _derived(secret: bytes) -> bytes:
    return HKDF(SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(secret)


def _owner(msp_id: MspId, webhook_id: UUID) -> bytes:
    # Two of sixteen bytes each: no other pair makes the same thirty-two.
    return msp_id.bytes + webhook_id.bytes
