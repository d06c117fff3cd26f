"""When ranges of pages are read."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from partner_api.sweep.wheel import LONGEST_PAUSE, PAGES, Wheel

NOW = datetime(2026, 2, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(ranges=st.integers(1, 3000), began=st.datetimes(timezones=st.just(UTC)))
def test_ranges_that_were_read_at_once_are_read_evenly_from_then_on(
    ranges: int, began: datetime
) -> None:
    wheel = Wheel()
    wheel.resize(ranges * PAGES, began)
    for first in wheel.take_due(began, ranges):
        wheel.remember(first, None, began)
    read = Counter[int]()
    for second in range(1, 61):
        firsts = wheel.take_due(began + second * SECOND, ranges)
        assert len(firsts) <= 3 + ranges // 30
        read.update(firsts)
    assert read == Counter(range(0, ranges * PAGES, PAGES))


def test_a_threshold_that_passes_sooner_counts() -> None:
    wheel = Wheel()
    wheel.resize(PAGES, NOW)
    assert wheel.take_due(NOW, 9) == [0]
    wheel.remember(0, NOW + timedelta(milliseconds=1), NOW)
    assert wheel.take_due(NOW, 9) == []
    assert wheel.take_due(NOW + timedelta(milliseconds=1), 9) == [0]
    wheel.remember(0, NOW + 2 * LONGEST_PAUSE, NOW)
    assert wheel.take_due(NOW + LONGEST_PAUSE, 9) == [0]
