"""What text we accept, how it folds for comparison, and bytes as text."""

import base64
import binascii
import unicodedata


def is_clean(text: str) -> bool:
    """Whether a text can be stored and shown: no control characters, no lone surrogates.

    Postgres refuses NUL; other control characters in names and tags only serve to confuse.
    """
    # What is printable has none of them, and nearly every text is: that is told at once.
    return text.isprintable() or not any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in text
    )


def fold(text: str) -> str:
    """A text's case-insensitive sort key."""
    return text.casefold()


def encode_base64url(data: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes | None:
    """What was encoded, None for any text `encode_base64url` would not have made."""
    try:
        standard = text.encode("ascii").translate(_TO_STANDARD) + b"=" * (-len(text) % 4)
        data = binascii.a2b_base64(standard, strict_mode=True)
    except (ValueError, binascii.Error):
        return None
    # The library also takes bits beyond the last byte.
    return data if binascii.b2a_base64(data, newline=False) == standard else None


# What only the other alphabet has becomes what neither has.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/***")
