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
from bisect import bisect_left
from collections import defaultdict
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
# Packed: the count of each bucket that lies between the first and the last that has any, the last
# one first, four bytes each; the count of all values in six bytes; the number of the first bucket
# in two. What lies in no bucket is zero.
_START, _COUNT, _BUCKET = 16, 48, 32
"""Bits."""
_TAIL = slice(-_START // 8, None)


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

    def percentile(self, p: float) -> float | None:
        """The value that `p` percent are not above, by nearest rank; None when there is none."""
        if not self.count:
            return None
        zeros = self.count - sum(self.counts)
        rank = max(1, ceil(self.count * p / 100)) - zeros
        if rank <= 0:
            return 0.0
        bucket = self.start + bisect_left(list(accumulate(self.counts)), rank)
        low, high = _LOWS[bucket], _HIGHS[bucket]
        return 2 * low * high / (low + high)

    def pack(self) -> bytes:
        """The bytes to store, none for no values; OverflowError from 2**32 values on."""
        if not self.count:
            return b""
        if self.count >> _BUCKET:
            raise OverflowError("a sketch of 2**32 values or more is not to be packed")
        counts = struct.pack(f">{len(self.counts)}I", *reversed(self.counts))
        return counts + (self.count << _START | self.start).to_bytes((_COUNT + _START) // 8)

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
    """The sketch of all their values, in a small part of the time that unpacking each would take.

    A packed sketch is one long integer, and one addition adds all counts of two sketches that start
    alike. No bucket runs over into the next while there are less than 2**32 values in all. Where
    there are more, which their sum tells, each half is merged on its own.
    """
    packed = list(datas)
    alike: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for data in packed:
        alike[data[_TAIL]].append(data)
    count, run = 0, 0
    for end, group in alike.items():
        start = int.from_bytes(end)
        total = sum(map(int.from_bytes, group)) - start * len(group) >> _START
        count += total & (1 << _COUNT) - 1
        run += total >> _COUNT << _BUCKET * start
    if count >> _BUCKET:
        half = len(packed) // 2
        return merged([merge_packed(packed[:half]), merge_packed(packed[half:])])
    return _dense(count, _buckets(run))


def pack_merged(datas: Sequence[bytes]) -> bytes:
    """The same packed again, which takes less than looking at the counts.

    OverflowError where they are 2**32 values or more.
    """
    packed = [int.from_bytes(data) for data in datas if data]
    runs = [(value & (1 << _START) - 1, value >> _START + _COUNT) for value in packed]
    base = min((start for start, run in runs if run), default=0)
    run = sum(run << _BUCKET * (start - base) for start, run in runs if run)
    count = sum(value >> _START & (1 << _COUNT) - 1 for value in packed)
    if count >> _BUCKET:
        raise OverflowError("a sketch of 2**32 values or more is not to be packed")
    if not count:
        return b""
    length = -(-run.bit_length() // _BUCKET) * _BUCKET
    return ((run << _COUNT | count) << _START | base).to_bytes((length + _COUNT + _START) // 8)


def _buckets(run: int) -> Mapping[int, int]:
    length = -(-run.bit_length() // _BUCKET)
    counts = struct.unpack(f"<{length}I", run.to_bytes(length * _BUCKET // 8, "little"))
    return {bucket: times for bucket, times in enumerate(counts) if times}


def _dense(count: int, buckets: Mapping[int, int]) -> Sketch:
    if not buckets:
        return Sketch(count)
    run = range(min(buckets), max(buckets) + 1)
    return Sketch(count, run.start, tuple(buckets.get(bucket, 0) for bucket in run))
