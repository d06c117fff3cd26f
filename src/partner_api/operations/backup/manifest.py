"""What an archive says of itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """Written beside the dump, and held against what a restore ends up with."""

    created_at: datetime
    server_version: str
    owner: str
    """The login that owned the schema; a restore by another one passes everything on."""
    revision: str
    rows: Mapping[str, int]
    """How many each table holds, partitions by themselves."""
    sha256: str = ""
    """Of the dump, known when that is written."""
    format: Literal[1] = 1

    @property
    def row_count(self) -> int:
        """How many all tables hold."""
        return sum(self.rows.values())
