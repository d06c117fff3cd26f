"""How samples and their sums lie in a column: fixed little-endian records, one behind another.

A point is a sample without its names: moment and measures, both whole numbers. Totals are what
points of a minute or an hour add up to, by measure; means of any longer stretch are exact.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, NamedTuple

from partner_api.telemetry.types import Sample

MEASURES: Final = ("latency", "jitter", "loss", "gateway_response", "wifi_rssi")
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_NONE = -(1 << 31)
_LIVE = Struct("<q5i")
_MOMENT = Struct("<q")
_OF_HOUR = Struct("<I5i")
POINT_BYTES: Final = _OF_HOUR.size
"""Of one in an hour that is over."""
_NUMBER_BYTES: Final = array("i").itemsize
# Of a slot: its number, how many points had each measure, and their sums. All of a column's are
# wide if one needs it; the column's first byte tells.
_NARROW, _WIDE = Struct("<B5B5i"), Struct("<B5I5q")
_ARE_NARROW, _ARE_WIDE = b"\x00", b"\x01"


class Point(NamedTuple):
    """When a device measured, in milliseconds since 1970, and what, in thousandths."""

    at: int
    latency: int | None
    jitter: int | None
    loss: int | None
    gateway_response: int | None
    wifi_rssi: int | None

    @property
    def tells_quality(self) -> bool:
        """Whether it says anything about how the network fares."""
        return self.latency is not None or self.jitter is not None or self.loss is not None


@dataclass(slots=True)
class Totals:
    """For each measure, how many points had it, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * len(MEASURES))
    sums: list[int] = field(default_factory=lambda: [0] * len(MEASURES))

    def add(self, point: Point) -> None:
        """Count a point in."""
        for n, value in enumerate(point[1:]):
            if value is not None:
                self.counts[n] += 1
                self.sums[n] += value

    def merge(self, other: "Totals") -> None:
        """Count another stretch in."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]

    @property
    def is_narrow(self) -> bool:
        """Whether a byte holds each count, and four each sum."""
        return max(self.counts) < 1 << 8 and max(map(abs, self.sums)) < 1 << 31

    def mean(self, measure: int) -> float | None:
        """The mean of the measure at a place of `MEASURES`, in its unit."""
        count = self.counts[measure]
        return self.sums[measure] / count / 1000 if count else None


def point_of(at: int, sample: Sample) -> Point | None:
    """The numbers of a sample; None when it has none of the measures."""
    values = (
        sample.latency,
        sample.jitter,
        sample.loss,
        sample.gateway_response,
        sample.wifi_rssi,
    )
    return None if values == (None,) * len(values) else Point(at, *values)


def pack_points(points: Iterable[Point]) -> bytes:
    """Points of any time."""
    return b"".join(_LIVE.pack(point.at, *_packed(point)) for point in points)


def unpack_points(data: bytes) -> list[Point]:
    """What `pack_points` packed."""
    return [_point(at, values) for at, *values in _LIVE.iter_unpack(data)]


class PackedPoints:
    """Points in order of time as `pack_points` packed them, of which mostly the last are wanted."""

    __slots__ = ("data",)

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data) // _LIVE.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PackedPoints) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]

    @property
    def first_at(self) -> int | None:
        """The moment of the first."""
        return _MOMENT.unpack_from(self.data)[0] if self.data else None

    @property
    def last_at(self) -> int | None:
        """The moment of the last."""
        return _MOMENT.unpack_from(self.data, len(self.data) - _LIVE.size)[0] if self.data else None

    def since(self, at: int) -> list[Point]:
        """Those after a moment, the last one first."""
        found: list[Point] = []
        for start in range(len(self.data) - _LIVE.size, -1, -_LIVE.size):
            moment, *values = _LIVE.unpack_from(self.data, start)
            if moment <= at:
                break
            found.append(_point(moment, values))
        return found

    def all(self) -> list[Point]:
        """All of them, in order."""
        return unpack_points(self.data)

    def with_last(self, point: Point) -> "PackedPoints":
        """The same and one that is later than all."""
        return PackedPoints(self.data + _LIVE.pack(point[0], *_packed(point)))


def pack_hour(hour: int, points: Iterable[Point]) -> bytes:
    """Points of one hour, which began at `hour`, in milliseconds."""
    return b"".join(_OF_HOUR.pack(point.at - hour, *_packed(point)) for point in points)


def unpack_hour(hour: int, data: bytes) -> list[Point]:
    """What `pack_hour` packed."""
    return [_point(hour + offset, values) for offset, *values in _OF_HOUR.iter_unpack(data)]


class HourPoints:
    """Those from one moment to another of what `pack_hour` packed in order of time."""

    __slots__ = ("_data", "_hour")

    def __init__(self, hour: int, data: bytes, first: int, last: int) -> None:
        places = range(len(data) // POINT_BYTES)

        def at(place: int) -> int:
            offset: int = _OF_HOUR.unpack_from(data, place * POINT_BYTES)[0]
            return hour + offset

        begin, end = bisect_left(places, first, key=at), bisect_right(places, last, key=at)
        self._hour = hour
        self._data = data[begin * POINT_BYTES : end * POINT_BYTES]

    def __len__(self) -> int:
        return len(self._data) // POINT_BYTES

    def all(self) -> list[Point]:
        """All of them, in order."""
        return unpack_hour(self._hour, self._data)


def hour_since(hour: int, data: bytes, since: int) -> bytes:
    """Of what `pack_hour` packed in order of time, what is from a moment on."""
    offsets = array("i", data)[:: POINT_BYTES // _NUMBER_BYTES]
    return data[bisect_left(offsets, since - hour) * POINT_BYTES :]


def measures_of_hours(datas: Iterable[bytes]) -> Iterator[list[int]]:
    """Values by measure, of all that `pack_hour` packed."""
    return _measures(b"".join(datas), POINT_BYTES)


def measures_of_points(data: bytes, since: int) -> Iterator[list[int]]:
    """Values by measure, of what `pack_points` packed, from a moment on."""
    size = _LIVE.size
    moments = enumerate(at for at, *_ in _LIVE.iter_unpack(data))
    kept = (data[n * size : (n + 1) * size] for n, at in moments if at >= since)
    return _measures(b"".join(kept), size)


def _measures(data: bytes, size: int) -> Iterator[list[int]]:
    """Values by measure, of records of so many bytes that end with the measures."""
    numbers = array("i", data)
    step = size // _NUMBER_BYTES
    for place in range(step - len(MEASURES), step):
        yield [value for value in numbers[place::step] if value != _NONE]


def totals_of(points: Iterable[Point], slot: int) -> dict[int, Totals]:
    """Sums by slot, which are so many milliseconds long, counted from 1970."""
    totals: dict[int, Totals] = {}
    for point in points:
        totals.setdefault(point.at // slot, Totals()).add(point)
    return totals


def pack_totals(totals: Mapping[int, Totals], first: int) -> bytes:
    """Sums by slot; `first` is where the stretch begins of which they are slots, 256 at most."""
    is_narrow = all(each.is_narrow for each in totals.values())
    record = _NARROW if is_narrow else _WIDE
    return (_ARE_NARROW if is_narrow else _ARE_WIDE) + b"".join(
        record.pack(slot - first, *each.counts, *each.sums) for slot, each in sorted(totals.items())
    )


def unpack_totals(data: bytes, first: int) -> dict[int, Totals]:
    """What `pack_totals` packed."""
    size = len(MEASURES)
    record = _NARROW if data.startswith(_ARE_NARROW) else _WIDE
    return {
        first + slot: Totals(numbers[:size], numbers[size:])
        for slot, *numbers in record.iter_unpack(memoryview(data)[1:])
    }


def _packed(point: Point) -> Iterable[int]:
    return [_NONE if value is None else value for value in point[1:]]


def _point(at: int, values: Iterable[int]) -> Point:
    return Point(at, *[None if value == _NONE else value for value in values])
