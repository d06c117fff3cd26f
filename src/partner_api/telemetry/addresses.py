"""IP and MAC addresses as devices spell them."""

import re
from socket import AF_INET, AF_INET6, inet_pton

_MAC = re.compile(
    r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}",
    re.IGNORECASE | re.ASCII,
)
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,32}")
_PREFIX = re.compile(r"[0-9]{1,3}")
_SEPARATORS = re.compile(r"[:.-]")


def is_ip(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address, the latter with its zone or without."""
    address, percent, zone = text.partition("%")
    family = AF_INET6 if ":" in address else AF_INET
    if percent and (family == AF_INET or not _ZONE.fullmatch(zone)):
        return False
    try:
        # The library's parser for people's input takes ten times as long as the system's.
        inet_pton(family, address)
    except (OSError, ValueError):
        return False
    return True


def is_interface_address(text: str) -> bool:
    """Whether a text is an IP address, with the length of its prefix or without."""
    address, slash, prefix = text.partition("/")
    if slash and not (_PREFIX.fullmatch(prefix) and int(prefix) <= (128 if ":" in text else 32)):
        return False
    return is_ip(address)


def parse_mac(text: str) -> int | None:
    """48 bits of `aa:bb:cc:dd:ee:ff`, with hyphens, or `aabb.ccdd.eeff`; None for other texts."""
    return int(_SEPARATORS.sub("", text), 16) if _MAC.fullmatch(text) else None


def format_mac(mac: int) -> str:
    """Lower case, with colons."""
    return mac.to_bytes(6).hex(":")
