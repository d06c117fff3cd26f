"""Samples on their way from a check-in to the worker, in the check-in's own transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, msgpack

from partner_api.kernel.ids import uuid7
from partner_api.telemetry.types import Sample

_encode = msgpack.Encoder().encode
decode_sample = msgpack.Decoder(Sample).decode
"""What `columns` encoded."""

ARGUMENTS: Final = 6
"""So many parameters `columns` fills."""


class Kept(Struct, frozen=True):
    """A sample of one of a group's check-ins: its place there from 1, whose it is, and when."""

    ordinal: int
    msp_id: UUID
    client_id: UUID
    moment: datetime
    sample: Sample


def keep_sql(taken: str, first: int) -> str:
    """A call that keeps samples of those check-ins whose ordinals are in `taken`, an array.

    Its parameters are `columns`, numbered from `first`.
    """
    parameters = ", ".join(f"${first + n}" for n in range(ARGUMENTS))
    return f"keep_samples({taken}, {parameters})"


def columns(samples: Sequence[Kept], now: datetime) -> Sequence[object]:
    """The parameters for these, which are written at `now`."""
    return [
        uuid7(now),
        [each.ordinal for each in samples],
        [each.msp_id for each in samples],
        [each.client_id for each in samples],
        [each.moment for each in samples],
        [_encode(each.sample) for each in samples],
    ]
