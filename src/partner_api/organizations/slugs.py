"""Slugs: an organization's name as ASCII words, unique within its MSP."""

import re
from collections.abc import Collection, Iterator

from anyascii import anyascii

_LONGEST = 80


def slug_of(name: str) -> str:
    """Lower-case ASCII letters, digits and hyphens; never empty, whatever the script."""
    words = re.findall(r"[a-z0-9]+", anyascii(name).lower().replace("'", ""))
    return "-".join(words)[:_LONGEST].strip("-") or "org"


def free_slugs(base: str, taken: Collection[str]) -> Iterator[str]:
    """`base`, then `base-2`, `base-3` and so on, without those that are taken."""
    if base not in taken:
        yield base
    number = 2
    while True:
        if (candidate := f"{base}-{number}") not in taken:
            yield candidate
        number += 1
