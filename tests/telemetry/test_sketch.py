"""A sketch's percentiles are the values' own, within the error it states."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.telemetry.sketch import ERROR, HIGHEST, Sketch, merge_packed, merged

PERCENTILES = (0, 1, 25, 50, 75, 90, 95, 99, 99.9, 100)

# Of every size: uniform ones would nearly all be large.
values = st.integers(0, 30).flatmap(lambda bits: st.integers(0, min(2**bits, HIGHEST)))
parts = st.lists(st.lists(values, max_size=40), max_size=8)


def exact(numbers: Sequence[int], p: float) -> int:
    """By nearest rank."""
    return sorted(numbers)[max(1, ceil(len(numbers) * p / 100)) - 1]


def percentile(sketch: Sketch, p: float) -> float | None:
    (found,) = sketch.percentiles([p])
    return found


def is_close(found: float | None, number: int) -> bool:
    # Doubles round, by far less than this.
    return found is not None and abs(Fraction(found) - number) <= number * (ERROR + 10**-12)


def test_the_error_is_no_more_than_promised() -> None:
    assert Fraction("0.015") >= ERROR


@given(parts)
def test_percentiles_of_merged_sketches_are_the_values_own(made: list[list[int]]) -> None:
    numbers = [number for part in made for number in part]
    sketches = [Sketch.of(part) for part in made]
    for sketch in (merged(sketches), merge_packed(sketch.pack() for sketch in sketches)):
        assert sketch.count == len(numbers)
        for p, found in zip(PERCENTILES, sketch.percentiles(PERCENTILES), strict=True):
            assert is_close(found, exact(numbers, p)) if numbers else found is None


@given(parts)
def test_sketches_of_parts_are_the_sketch_of_the_whole(made: list[list[int]]) -> None:
    whole = Sketch.of(number for part in made for number in part)
    sketches = [Sketch.of(part) for part in made]
    assert merged(sketches) == whole
    assert merged([merged(sketches[:3]), merged(sketches[3:])]) == whole
    assert merge_packed([sketch.pack() for sketch in reversed(sketches)]) == whole
    assert Sketch.unpack(whole.pack()) == whole


def test_every_bucket_keeps_its_promise_from_end_to_end() -> None:
    low = 1
    while low <= HIGHEST:
        estimate = percentile(Sketch.of([low]), 50)
        high = int(low * (1 + ERROR) / (1 - ERROR))
        for number in {low, (low + high) // 2, min(high, HIGHEST)}:
            assert percentile(Sketch.of([number]), 50) == estimate
            assert is_close(estimate, number)
        low = high + 1


@pytest.mark.parametrize("number", range(33))
def test_small_numbers_are_exact(number: int) -> None:
    assert percentile(Sketch.of([number]), 50) == number


def test_a_sketch_of_nothing_says_nothing() -> None:
    nothing = Sketch.of([])
    assert (nothing.count, percentile(nothing, 50), nothing.pack()) == (0, None, b"")
    assert Sketch.unpack(b"") == merged([]) == merge_packed([]) == merge_packed([b""]) == nothing
    assert merge_packed([b"", Sketch.of([7]).pack(), b""]) == Sketch.of([7])


def test_zeros_count_and_take_little_room() -> None:
    lossless = Sketch.of([0] * 1000)
    assert (lossless.count, percentile(lossless, 100)) == (1000, 0)
    assert len(lossless.pack()) == 6
    mixed = Sketch.of([0] * 9 + [50_000])
    assert (percentile(mixed, 90), len(mixed.pack())) == (0, 7)
    assert is_close(percentile(mixed, 91), 50_000)


@pytest.mark.parametrize("number", [-1, HIGHEST + 1])
def test_numbers_that_cannot_be_measures_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        Sketch.of([5, number])


def test_many_sketches_merge_as_few_do() -> None:
    measured = [12_500, 14_000, 250_000, 0]
    sketch = Sketch.of(measured)
    assert merge_packed([sketch.pack()] * 1000) == Sketch.of(measured * 1000)


def test_no_count_runs_over_into_the_next() -> None:
    most = 2**32 - 1
    packed = [Sketch(most, 100, (most,)).pack(), Sketch(most, 101, (most,)).pack()]
    packed += [Sketch(most, 100, (1, most - 1)).pack()] * 5
    assert merge_packed(packed) == Sketch(7 * most, 100, (most + 5, most + 5 * (most - 1)))
    with pytest.raises(OverflowError):
        Sketch(2**32, 100, (2**32,)).pack()
