"""What a device says about itself, and what of it we accept."""

from collections.abc import Sequence

from partner_api.kernel.errors import Invalid
from partner_api.kernel.text import fold, is_clean
from partner_api.status.versions import version_sort_key

FACT_NAMES = (
    "os",
    "osVersion",
    "arch",
    "channel",
    "currentVersion",
    "serialNumber",
    "assetId",
    "userName",
    "userEmail",
    "referrer",
)
"""Facts as the wire names them. The position is the bit and slot a fact has in stored rows: a new
one goes at the end."""

FACT_COLUMNS = (
    "os",
    "os_version",
    "arch",
    "channel",
    "current_version",
    "serial_number",
    "asset_id",
    "user_name",
    "user_email",
    "referrer",
)
"""The same facts as the devices table names them, in the same order."""

LONGEST = {"referrer": 500, "userEmail": 320, "userName": 200}
LONGEST_OTHER = 100

VERSION = FACT_NAMES.index("currentVersion")
ASSET = FACT_NAMES.index("assetId")

Facts = tuple[str | None, ...]
"""One value or None for each of FACT_NAMES."""


def check_fact(name: str, value: str) -> str:
    """The value itself; Invalid names the fact and what is allowed."""
    longest = LONGEST.get(name, LONGEST_OTHER)
    if not 1 <= len(value) <= longest or not is_clean(value):
        raise Invalid(
            f"{name} must have 1 to {longest} characters, none of them control characters"
        )
    return value


def version_sort(facts: Sequence[str | None]) -> str:
    """The sort key of the version among `facts`."""
    return version_sort_key(facts[VERSION] or "")


def asset_sort(facts: Sequence[str | None]) -> str:
    """The sort key of the asset id among `facts`: folded, a missing one after all others."""
    asset_id = facts[ASSET]
    return "1" if asset_id is None else "0" + fold(asset_id)
