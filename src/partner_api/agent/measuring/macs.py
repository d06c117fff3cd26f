"""MAC addresses as the several systems write them."""

import re

_OCTETS = re.compile(r"[0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2}){5}")
_NONE = {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}


def normal_mac(text: str) -> str | None:
    """Lower case with colons; None for what is no device's address."""
    lower = text.strip().lower()
    if not _OCTETS.fullmatch(lower):
        return None
    # macOS writes 0a as a.
    mac = ":".join(octet.zfill(2) for octet in re.split("[:-]", lower))
    return None if mac in _NONE else mac
