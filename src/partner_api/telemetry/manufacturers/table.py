"""Assignments of MAC addresses to their manufacturers, as one compact file.

Compressed text. Its first line is JSON: where the assignments are from and of which date. Each
other line is a manufacturer, a tab, and the prefixes it was assigned, in hexadecimal and as long as
they are: 6 digits (MA-L), 7 (MA-M) or 9 (MA-S).
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

_DIGITS: Final = (9, 7, 6)
"""Of the prefixes there are. A part of an assignment may be another's, so the longest is asked
first."""
_LOCAL_BIT: Final = 0x02 << 40
_GROUP_BIT: Final = 0x01 << 40


class Kind(StrEnum):
    """What an address says of its manufacturer."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    LOCALLY_ADMINISTERED = "locallyAdministered"
    """Not the manufacturer's: set by whoever runs the device, or at random."""


@dataclass(frozen=True, slots=True)
class Table:
    """Assignments of one date."""

    source: str
    date: date
    assigned: Mapping[str, str]
    """Manufacturers by prefix."""

    def manufacturer(self, mac: int) -> str | None:
        """Who was assigned the address of 48 bits; None when nobody was, as far as we know."""
        if mac & (_LOCAL_BIT | _GROUP_BIT):
            return None
        digits = f"{mac:012x}"
        found = (self.assigned.get(digits[:length]) for length in _DIGITS)
        return next((name for name in found if name is not None), None)

    def kind(self, mac: int) -> Kind:
        """Whether the manufacturer is known, unknown, or has no part in the address."""
        if mac & _LOCAL_BIT:
            return Kind.LOCALLY_ADMINISTERED
        return Kind.UNKNOWN if self.manufacturer(mac) is None else Kind.KNOWN

    def pack(self) -> bytes:
        """The file; the same bytes for the same assignments."""
        prefixes: defaultdict[str, list[str]] = defaultdict(list)
        for prefix, name in sorted(self.assigned.items()):
            prefixes[name].append(prefix)
        head = json.dumps({"source": self.source, "date": self.date.isoformat()})
        lines = (f"{name}\t{' '.join(prefixes[name])}" for name in sorted(prefixes))
        return zlib.compress("\n".join([head, *lines]).encode(), 9)

    @classmethod
    def unpack(cls, data: bytes) -> "Table":
        """The table of which this is the file."""
        head, *lines = zlib.decompress(data).decode().split("\n")
        told = json.loads(head)
        return cls(told["source"], date.fromisoformat(told["date"]), dict(_assigned(lines)))


def _assigned(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, _, prefixes = line.partition("\t")
        for prefix in prefixes.split():
            yield prefix, name
