"""What a fleet is made of: versions, systems, architectures and channels."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg.pool import PoolConnectionProxy

from partner_api.devices.health import IS_CURRENT
from partner_api.kernel.ids import MspId, OrgId


@dataclass(frozen=True, slots=True)
class Share:
    """How many devices have something in common."""

    name: str
    count: int
    current: int
    """Of these, how many run the newest version that applies to them."""


@dataclass(frozen=True, slots=True)
class Makeup:
    """The same devices counted in four ways; the most frequent first in each."""

    total: int
    versions: Sequence[Share]
    systems: Sequence[Share]
    architectures: Sequence[Share]
    channels: Sequence[Share]


async def read(connection: PoolConnectionProxy, msp_id: MspId, org_id: OrgId | None) -> Makeup:
    """What a whole MSP's devices are, or one organization's; reads each of them."""
    values: list[object] = [msp_id] if org_id is None else [msp_id, org_id]
    statement = _COUNTS.format("true" if org_id is None else "d.org_id = $2")
    found: dict[int, list[Share]] = {kind: [] for kind in _KINDS}
    for kind, name, count, current in await connection.fetch(statement, *values):
        found[kind].append(Share(name, count, current))
    for shares in found.values():
        shares.sort(key=lambda share: (-share.count, share.name))
    versions, systems, architectures, channels = (found[kind] for kind in _KINDS)
    total = sum(share.count for share in channels)
    return Makeup(total, versions, systems, architectures, channels)


# What `grouping` says of a row that counts by one of four columns: a bit for each that it ignores.
_KINDS = (0b0111, 0b1011, 0b1101, 0b1110)
_COUNTS = f"""
    select grouping(d.current_version, d.os, d.arch, d.channel) as kind,
           coalesce(d.current_version, d.os, d.arch, d.channel) as name,
           count(*) as number, count(*) filter (where d.is_current) as current
      from (select d.current_version, d.os, d.arch, d.channel, {IS_CURRENT} as is_current
              from devices d
             where d.msp_id = $1 and {{}}
            -- Kept apart, or each device would be judged once for each way to count.
            offset 0) d
     group by grouping sets ((d.current_version), (d.os), (d.arch), (d.channel))"""
