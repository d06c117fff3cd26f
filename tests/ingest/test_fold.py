import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from partner_api.devices.facts import FACT_NAMES
from partner_api.ingest.fold import DeviceState, fold
from partner_api.ingest.types import CheckIn
from tests.ingest.states import ENROLLED, START, check_in, enrolled, fold_all, stated_facts

LARGEST = 2**63 - 1
PINNED = 1 << FACT_NAMES.index("assetId") | 1 << FACT_NAMES.index("os")
LATER = timedelta(seconds=10)

stated = st.dictionaries(st.sampled_from(FACT_NAMES), st.sampled_from(["a", "b", "B", "张"]))


def reordered(check_ins: Sequence[CheckIn], rng: random.Random) -> list[CheckIn]:
    """Another order of arrival, in which none comes after one whose number is 64 higher."""
    arrival = {id(item): (item.sequence or 0) + 63 * rng.random() for item in check_ins}
    return sorted(check_ins, key=lambda item: arrival[id(item)])


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[CheckIn], list[CheckIn]]:
    """Check-ins in the order they were made, and in one they could arrive in.

    Clocks jump, so a later number may carry an earlier instant, and several carry the same one.
    """
    rng = draw(st.randoms(use_true_random=False))
    base = draw(st.sampled_from([0, 1, 1000, LARGEST - 1000]))
    numbers = sorted(draw(st.sets(st.integers(0, 120), max_size=60)))
    check_ins = [
        check_in(draw(st.integers(0, 6)), base + number, **draw(stated)) for number in numbers
    ]
    return check_ins, reordered(check_ins, rng)


states = st.sampled_from(
    [
        enrolled(),
        fold_all(enrolled(), [check_in(-5)]),
        fold_all(enrolled(), [check_in(-9, os="z"), check_in(-5, assetId="z", os="0")]),
        fold_all(enrolled(), [check_in(3, arch="a"), check_in(2, channel="b", os="b")]),
        replace(fold_all(enrolled(), [check_in(2, assetId="z")]), facts_pinned=PINNED),
    ]
)


@given(states, streams())
@settings(max_examples=200)
def test_any_order_of_arrival_gives_the_same_device(
    state: DeviceState, stream: tuple[list[CheckIn], list[CheckIn]]
) -> None:
    made, arrived = stream
    assert fold_all(state, arrived) == fold_all(state, made)


@given(streams())
def test_every_check_in_counts_once(stream: tuple[list[CheckIn], list[CheckIn]]) -> None:
    made, arrived = stream
    assert fold_all(enrolled(), arrived).check_in_count == len(made)


@given(streams(), st.randoms(use_true_random=False))
def test_repeats_change_nothing(
    stream: tuple[list[CheckIn], list[CheckIn]], rng: random.Random
) -> None:
    made, arrived = stream
    state = enrolled()
    for place, item in enumerate(arrived):
        state = fold(state, item) or state
        assert fold(state, rng.choice(arrived[: place + 1])) is None
    assert state == fold_all(enrolled(), made)


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 200), stated)))
def test_last_seen_is_the_newest_instant_and_never_moves_back(
    items: list[tuple[int, int | None, dict[str, str]]],
) -> None:
    state = enrolled()
    for seconds, sequence, said in items:
        after = fold(state, check_in(seconds, sequence, **said))
        if after is None:
            continue
        assert after.last_seen is not None
        assert after.last_seen == max(
            START + timedelta(seconds=seconds), state.last_seen or after.last_seen
        )
        assert after.check_in_count == state.check_in_count + 1
        state = after


@given(states, streams())
def test_each_fact_is_what_the_newest_check_in_that_stated_it_said(
    state: DeviceState, stream: tuple[list[CheckIn], list[CheckIn]]
) -> None:
    arrived = [structs.replace(item, observed_at=item.observed_at + LATER) for item in stream[1]]
    newest: dict[str, tuple[datetime, str]] = {}
    for item in arrived:
        for name, value in stated_facts(item).items():
            newest[name] = max((item.observed_at, value), newest.get(name, (START, "")))
    expected = stated_facts(state) | {
        name: value
        for name, (_, value) in newest.items()
        if not state.facts_pinned >> FACT_NAMES.index(name) & 1
    }
    assert stated_facts(fold_all(state, arrived)) == expected


def test_a_late_check_in_fills_in_only_what_no_newer_one_stated() -> None:
    state = fold_all(
        enrolled(),
        [
            check_in(20, 3, osVersion="15.3"),
            check_in(10, 2, osVersion="15.2", assetId="A-10", userName="Ann"),
            check_in(5, 1, assetId="A-5", serialNumber="S-5"),
        ],
    )
    assert state.last_seen == START + timedelta(seconds=20)
    assert stated_facts(state) == ENROLLED | {
        "osVersion": "15.3",
        "assetId": "A-10",
        "userName": "Ann",
        "serialNumber": "S-5",
    }


def test_a_pinned_fact_is_not_changed_by_check_ins() -> None:
    pinned = replace(fold_all(enrolled(), [check_in(1, assetId="mine")]), facts_pinned=PINNED)
    state = fold_all(pinned, [check_in(3, assetId="A-3", os="b"), check_in(2, userName="Ann")])
    assert state.facts_pinned == PINNED
    assert stated_facts(state) == ENROLLED | {"assetId": "mine", "userName": "Ann"}


@pytest.mark.parametrize("high", [64, 100, 10**6, LARGEST])
def test_the_window_ends_64_below_the_highest(high: int) -> None:
    state = fold_all(enrolled(), [check_in(0, high)])
    assert fold(state, check_in(1, high - 64)) is None
    within = fold(state, check_in(1, high - 63))
    assert within is not None
    assert within.check_in_count == 2
    assert fold(within, check_in(2, high - 63)) is None


@pytest.mark.parametrize("jump", [1, 2, 62, 63, 64, 65, 1000])
def test_a_jump_forward_keeps_what_is_still_within_the_window(jump: int) -> None:
    state = fold_all(enrolled(), [check_in(0, 100), check_in(1, 100 + jump)])
    assert (state.sequence_high, state.check_in_count) == (100 + jump, 2)
    assert fold(state, check_in(2, 100)) is None
    unseen = fold(state, check_in(2, 99 + jump))
    assert (unseen is None) == (jump == 1)


@pytest.mark.parametrize("high", [2**62, LARGEST])
def test_a_number_far_below_the_highest_is_a_duplicate(high: int) -> None:
    state = fold_all(enrolled(), [check_in(0, high)])
    assert fold(state, check_in(1, 0)) is None


def test_every_number_of_a_full_window_is_known() -> None:
    state = fold_all(enrolled(), [check_in(n, n) for n in range(200)])
    assert [n for n in range(200) if fold(state, check_in(n, n)) is not None] == []
    assert -(2**63) <= state.sequence_window < 2**63


def test_without_numbers_only_the_instant_last_seen_is_a_duplicate() -> None:
    state = fold_all(enrolled(), [check_in(10), check_in(20)])
    assert fold(state, check_in(20, assetId="changed")) is None
    for seconds in (10, 19.999999, 20.000001):
        assert fold(state, check_in(seconds)) is not None


def test_a_number_makes_the_instant_last_seen_count() -> None:
    state = fold_all(enrolled(), [check_in(20, 1)])
    assert fold(state, check_in(20, 2)) is not None
    assert fold(state, check_in(20)) is None


def test_a_check_in_without_a_number_leaves_the_numbers_alone() -> None:
    state = fold_all(enrolled(), [check_in(1, 7), check_in(2), check_in(3, 8)])
    assert (state.sequence_high, state.sequence_window, state.check_in_count) == (8, 0b11, 3)
