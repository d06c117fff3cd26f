"""Percentiles of many measures from few bytes, which merge without losing anything.

A sketch counts values in buckets whose bounds grow geometrically, after DDSketch (Masson, Rim, Lee:
"DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12(12),
2019). Two sketches have the same buckets, so counts add up and merging is exact: whoever merges
sketches of parts in any order has the sketch of the whole.

The error: a bucket from `low` to `high` answers 2 * low * high / (low + high), which is off by at
most (high - low) / (high + low) of any value in it. Each bucket is as wide as that quotient stays
within ERROR, so `high` is the last whole number up to low * (1 + ERROR) / (1 - ERROR). The value
at a rank is in the bucket where the counts reach that rank, so no percentile is off by more than
ERROR of the exact one, by nearest rank. Whole numbers up to 32 have a bucket each.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import ceil
from typing import Final

ERROR: Final = Fraction(3, 200)
HIGHEST: Final = 600_000_000
"""The largest value there is: ten minutes, in thousandths of a millisecond."""


def _bounds() -> tuple[list[int], list[int]]:
    lows, highs, low = [], [], 1
    while low <= HIGHEST:
        lows.append(low)
        highs.append(int(low * (1 + ERROR) / (1 - ERROR)))
        low = highs[-1] + 1
    return lows, highs


_LOWS, _HIGHS = _bounds()
_ANSWERS: Final = [2 * low * high / (low + high) for low, high in zip(_LOWS, _HIGHS, strict=True)]
# Packed: how many values there are; the number of the first bucket, and in its upper bits how wide
# the counts are; the count of each bucket from there to the last that has any. What lies in no
# bucket is zero. All of it little-endian.
_HEAD: Final = struct.Struct("<IH")
_BUCKET: Final = 32
"""Bits of a count while counts are added up."""
_STARTS: Final = (1 << 14) - 1
_WIDTHS: Final = ("B", "H", "I")
_EVEN: Final = tuple(
    int.from_bytes((b"\xff" * size + bytes(size)) * (len(_LOWS) // 2 + 1), "little")
    for size in (1, 2)
)
"""What picks the counts of even buckets, by their width."""
_ADDED_AT_ONCE: Final = 256
"""So many of the narrowest counts have room for their sum beside one another."""
_Placed = tuple[int, int]
"""The number of the first bucket, and the counts as one long integer."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """How many values there are, and how many in each bucket from `start` on; the rest are zero."""

    count: int = 0
    start: int = 0
    counts: Sequence[int] = ()

    @classmethod
    def of(cls, values: Iterable[int]) -> "Sketch":
        """The sketch of whole numbers from 0 to HIGHEST; ValueError for others."""
        count, buckets = 0, dict[int, int]()
        for value in values:
            if not 0 <= value <= HIGHEST:
                raise ValueError(f"{value} is not from 0 to {HIGHEST}")
            count += 1
            if value:
                bucket = bisect_left(_HIGHS, value)
                buckets[bucket] = buckets.get(bucket, 0) + 1
        return _dense(count, buckets)

    def percentiles(self, percents: Iterable[float]) -> list[float | None]:
        """For each percent, the value that so many are not above, by nearest rank.

        None for each when there are no values.
        """
        reached = list(accumulate(self.counts)) or [0]
        zeros = self.count - reached[-1]
        ranks = (max(1, ceil(self.count * percent / 100)) - zeros for percent in percents)
        return [self._at(rank, reached) if self.count else None for rank in ranks]

    def _at(self, rank: int, reached: Sequence[int]) -> float:
        """What is at a rank, from 1 on, among those that are not zero."""
        return _ANSWERS[self.start + bisect_left(reached, rank)] if rank > 0 else 0.0

    def pack(self) -> bytes:
        """The bytes to store, none for no values; OverflowError from 2**32 values on."""
        if not self.count:
            return b""
        if self.count >> _BUCKET:
            raise OverflowError("a sketch of 2**32 values or more is not to be packed")
        return _packed(self.count, self.start, array("I", self.counts))

    @classmethod
    def unpack(cls, data: bytes) -> "Sketch":
        """The sketch of which these are the bytes."""
        return merge_packed([data])


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """The sketch of all their values."""
    count, buckets = 0, dict[int, int]()
    for sketch in sketches:
        count += sketch.count
        for bucket, times in enumerate(sketch.counts, sketch.start):
            buckets[bucket] = buckets.get(bucket, 0) + times
    return _dense(count, buckets)


def merge_packed(datas: Iterable[bytes]) -> Sketch:
    """The sketch of all their values, in a small part of the time that unpacking each takes."""
    packed = list(datas)
    count, start, counts = _added(packed)
    if count >> _BUCKET:
        half = len(packed) // 2
        return merged([merge_packed(packed[:half]), merge_packed(packed[half:])])
    return Sketch(count, start, tuple(counts))


def pack_merged(datas: Iterable[bytes]) -> bytes:
    """The same packed again; OverflowError where they are 2**32 values or more."""
    count, start, counts = _added(datas)
    if count >> _BUCKET:
        raise OverflowError("a sketch of 2**32 values or more is not to be packed")
    return _packed(count, start, counts) if count else b""


def _added(datas: Iterable[bytes]) -> tuple[int, int, "array[int]"]:
    """How many values, the first bucket, and the counts; these only below 2**32 values in all.

    All counts of a sketch are one long integer, so that one addition adds them all.
    """
    count = 0
    found: tuple[list[_Placed], ...] = ([], [], [])
    for data in datas:
        if data:
            times, place = _HEAD.unpack_from(data)
            count += times
            if len(data) > _HEAD.size:
                counts = int.from_bytes(data[_HEAD.size :], "little")
                found[place >> 14].append((place & _STARTS, counts))
    start = min((first for several in found for first, _ in several), default=0)
    run = sum(counts << (first - start) * _BUCKET for first, counts in found[2])
    for width in (0, 1):
        for done in range(0, len(found[width]), _ADDED_AT_ONCE):
            run += _widened(found[width][done : done + _ADDED_AT_ONCE], width, start)
    length = -(-run.bit_length() // _BUCKET)
    return count, start, array("I", run.to_bytes(length * _BUCKET // 8, "little"))


def _widened(several: Sequence[_Placed], width: int, start: int) -> int:
    """The sum of narrow counts from a bucket on, in counts of _BUCKET bits.

    Counts of even buckets and of odd ones are added apart, where each has its neighbour's room.
    """
    bits, mask = 8 << width, _EVEN[width]
    even = odd = 0
    for first, counts in several:
        placed = counts << (first - start) * bits
        even += placed & mask
        odd += placed >> bits & mask
    pair = 2 << width
    length = max(even.bit_length(), odd.bit_length()) // (8 * pair) + 1
    wide = bytearray(length * 2 * _BUCKET // 8)
    for offset, part in ((0, even), (_BUCKET // 8, odd)):
        data = part.to_bytes(length * pair, "little")
        for place in range(pair):
            wide[offset + place :: 2 * _BUCKET // 8] = data[place::pair]
    return int.from_bytes(wide, "little")


def _packed(count: int, start: int, counts: "array[int]") -> bytes:
    highest = max(counts, default=0)
    width = (highest > 0xFF) + (highest > 0xFFFF)
    return _HEAD.pack(count, start | width << 14) + array(_WIDTHS[width], counts).tobytes()


def _dense(count: int, buckets: Mapping[int, int]) -> Sketch:
    if not buckets:
        return Sketch(count)
    run = range(min(buckets), max(buckets) + 1)
    return Sketch(count, run.start, tuple(buckets.get(bucket, 0) for bucket in run))
