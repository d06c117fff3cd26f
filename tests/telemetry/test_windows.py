"""Buckets: aligned to 1970, every one that overlaps the window, the running one last."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.telemetry.windows import Buckets, WindowName

REACH = {
    WindowName.HOUR: (3600, 300),
    WindowName.DAY: (86400, 900),
    WindowName.WEEK: (7 * 86400, 3600),
    WindowName.MONTH: (30 * 86400, 86400),
}
moments = st.integers(1_577_836_800_000_000, 2_208_988_800_000_000).map(
    lambda micros: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)


@given(st.sampled_from(WindowName), moments)
def test_buckets_cover_the_window_and_no_more(window: WindowName, now: datetime) -> None:
    reach, seconds = REACH[window]
    buckets = Buckets.of(window, now)
    starts = buckets.starts
    assert buckets.length.total_seconds() == seconds
    assert all(start.timestamp() % seconds == 0 for start in starts)
    assert starts == [starts[0] + n * buckets.length for n in range(buckets.number)]
    assert starts[0] <= now - timedelta(seconds=reach) < starts[0] + buckets.length
    assert starts[-1] <= now < starts[-1] + buckets.length


@pytest.mark.parametrize(("window", "number"), [("1h", 13), ("24h", 97), ("7d", 169), ("30d", 31)])
def test_a_bucket_that_just_begins_is_there(window: str, number: int) -> None:
    now = datetime(2026, 2, 24, tzinfo=UTC)
    buckets = Buckets.of(WindowName(window), now)
    assert (buckets.number, buckets.starts[-1]) == (number, now)


@given(st.sampled_from(WindowName), moments, st.integers(0, 10**7))
def test_a_moment_lies_in_the_bucket_it_is_placed_in(
    window: WindowName, now: datetime, micros: int
) -> None:
    buckets = Buckets.of(window, now)
    moment = buckets.first + timedelta(microseconds=micros * 137)
    start = buckets.first + buckets.place(moment) * buckets.length
    assert start <= moment < start + buckets.length
