"""Who made a device, told by its MAC address."""

from functools import lru_cache
from importlib.resources import files
from typing import Final

from partner_api.telemetry.manufacturers.table import Table

FILE: Final = "assignments.z"


@lru_cache(maxsize=1)
def packaged_table() -> Table:
    """The assignments that come with the package, read when they are first asked for."""
    return Table.unpack(files(__name__).joinpath(FILE).read_bytes())
