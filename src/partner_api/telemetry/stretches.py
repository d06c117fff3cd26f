"""What organizations' devices measured in stretches of time: sketches, and the whole MSP's."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from partner_api.kernel.ids import MspId
from partner_api.telemetry.closing import sketches_of
from partner_api.telemetry.moments import floor, from_millis, to_millis
from partner_api.telemetry.packing import Point
from partner_api.telemetry.sketch import pack_merged

WHOLE_MSP: Final = UUID(int=0)
FIVE_MINUTES, AN_HOUR, A_DAY = LENGTHS = (300, 3600, 86400)
"""Seconds; each is made of whole ones of the one before."""

Stretch = tuple[UUID, int, int]
"""An organization, the stretch's length in seconds, and when it began, in milliseconds."""
Packed = tuple[bytes, ...]
"""A sketch of each of the measures that decide on quality."""


async def add_to_stretches(
    connection: PoolConnectionProxy, msp_id: MspId, points: Iterable[tuple[UUID, Point]]
) -> None:
    """Add points of organizations' devices, in the caller's transaction."""
    added = _added(points)
    if not added:
        return
    keys = sorted(added)
    rows = await connection.fetch(
        "select * from lock_sketches($1, $2, $3, $4)", msp_id, *_key(keys)
    )
    for org_id, seconds, start, *stored in rows:
        key = (org_id, seconds, to_millis(start))
        added[key] = _together([tuple(stored), added[key]])
    columns = zip(*(added[key] for key in keys), strict=True)
    await connection.execute(
        "select write_sketches($1, $2, $3, $4, $5, $6, $7)",
        msp_id,
        *_key(keys),
        *(list(column) for column in columns),
    )


def _added(points: Iterable[tuple[UUID, Point]]) -> dict[Stretch, Packed]:
    """By organization and by the whole MSP, in stretches of each length."""
    gathered: dict[tuple[UUID, int], list[Point]] = defaultdict(list)
    for org_id, point in points:
        gathered[org_id, floor(point.at, FIVE_MINUTES * 1000)].append(point)
    shortest = [(key, _packed(each)) for key, each in gathered.items()]
    added: dict[Stretch, Packed] = {}
    for seconds in LENGTHS:
        parts: dict[Stretch, list[Packed]] = defaultdict(list)
        for (org_id, start), packed in shortest:
            for whose in (org_id, WHOLE_MSP):
                parts[whose, seconds, floor(start, seconds * 1000)].append(packed)
        added |= {key: _together(each) for key, each in parts.items()}
    return added


def _packed(points: Sequence[Point]) -> Packed:
    return tuple(sketch.pack() for sketch in sketches_of(points).values())


def _together(parts: Sequence[Packed]) -> Packed:
    if len(parts) == 1:
        return parts[0]
    return tuple(pack_merged(measure) for measure in zip(*parts, strict=True))


def _key(keys: Sequence[Stretch]) -> tuple[list[UUID], list[int], list[datetime]]:
    return (
        [org_id for org_id, _, _ in keys],
        [seconds for _, seconds, _ in keys],
        [from_millis(start) for _, _, start in keys],
    )
