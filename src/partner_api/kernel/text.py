"""What text we accept, how it folds for comparison, and bytes as text."""

import base64
import binascii
import unicodedata


def is_clean(text: str) -> bool:
    """Whether a text can be stored and shown: no control characters, no lone surrogates.

    Postgres refuses NUL; other control characters in names and tags only serve to confuse.
    """
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def fold(text: str) -> str:
    """A text's case-insensitive sort key."""
    return text.casefold()


def encode_base64url(data: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes | None:
    """What was encoded, None for any text `encode_base64url` would not have made."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    # The library also takes the other alphabet, and bits beyond the last byte.
    return data if encode_base64url(data) == text else None
