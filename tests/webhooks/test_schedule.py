"""When a delivery is tried again, for everything a receiver may answer."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partner_api.webhooks.schedule import (
    MOST_ATTEMPTS,
    Verdict,
    judge,
    next_attempt_at,
)

NOW = datetime(2026, 2, 24, 11, 55, tzinfo=UTC)
DAY = timedelta(days=1)
WRITTEN = ["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
PROMISED = [timedelta(**{UNITS[each[-1]]: int(each[:-1])}) for each in WRITTEN]

attempts_made = st.integers(1, MOST_ATTEMPTS - 1)
randoms = st.integers().map(Random)


def pause(attempts: int, retry_after: str | None = None, random: Random | None = None) -> timedelta:
    at = next_attempt_at(attempts, NOW, retry_after, random or Random(0))
    assert at is not None
    return at - NOW


@given(attempts_made, randoms)
def test_the_pauses_are_the_promised_ones_or_up_to_a_tenth_longer(
    attempts: int, random: Random
) -> None:
    promised = PROMISED[attempts - 1]
    assert promised <= pause(attempts, random=random) <= promised * 1.1


def test_deliveries_that_fail_together_are_not_tried_again_together() -> None:
    assert len({pause(3, random=Random(seed)) for seed in range(100)}) == 100


def test_the_tenth_attempt_is_the_last_whatever_the_receiver_asks() -> None:
    assert MOST_ATTEMPTS == len(PROMISED) + 1 == 10
    assert next_attempt_at(9, NOW, None, Random(0)) is not None
    for retry_after in (None, "60", format_datetime(NOW + DAY, usegmt=True)):
        assert next_attempt_at(10, NOW, retry_after, Random(0)) is None


@given(attempts_made, st.integers(0, 10**12), randoms)
@example(1, 120, Random(0))
def test_seconds_asked_for_are_waited_when_longer_and_up_to_a_day(
    attempts: int, seconds: int, random: Random
) -> None:
    asked = min(timedelta(seconds=min(seconds, 10**9)), DAY)
    waited = pause(attempts, str(seconds), random)
    assert waited >= asked
    assert waited == asked or waited <= PROMISED[attempts - 1] * 1.1


@given(attempts_made, st.datetimes(), st.sampled_from(["GMT", "-0000", "+0000"]), randoms)
@example(1, datetime(2026, 2, 24, 11, 57), "GMT", Random(0))  # noqa: DTZ001 - the zone is written
def test_a_date_asked_for_is_waited_for_when_later_and_up_to_a_day(
    attempts: int, date: datetime, zone: str, random: Random
) -> None:
    date = date.replace(microsecond=0)
    written = format_datetime(date.replace(tzinfo=UTC), usegmt=True).replace("GMT", zone)
    waited = pause(attempts, written, random)
    asked = date.replace(tzinfo=UTC) - NOW
    # Two-digit years are read as the standard says, which is not what was written here.
    if date.year >= 1000:
        assert waited >= min(asked, DAY)
        assert waited == min(asked, DAY) or waited <= PROMISED[attempts - 1] * 1.1
    assert waited <= max(DAY, PROMISED[-1] * 1.1)


def test_a_date_is_read_in_each_of_its_three_forms() -> None:
    for written in (
        "Tue, 24 Feb 2026 11:57:00 GMT",
        "Tuesday, 24-Feb-26 11:57:00 GMT",
        "Tue Feb 24 11:57:00 2026",
    ):
        assert pause(1, written) == timedelta(minutes=2)


@given(attempts_made, st.text() | st.text(alphabet="0123456789-+.: ,GMTFeb"), randoms)
@example(1, "9" * 5000, Random(0))
@example(1, "Mon, 01 Jan 9999 00:00:00 -9999", Random(0))
@example(1, "²", Random(0))
def test_nothing_a_receiver_writes_breaks_the_schedule(
    attempts: int, retry_after: str, random: Random
) -> None:
    promised = PROMISED[attempts - 1]
    assert promised <= pause(attempts, retry_after, random) <= max(promised * 1.1, DAY)


@pytest.mark.parametrize("retry_after", ["", "soon", "-60", "1.5", "٣٠", "Tue, 31 Feb 2026"])
def test_what_is_neither_seconds_nor_a_date_is_not_obeyed(retry_after: str) -> None:
    assert pause(1, retry_after) <= timedelta(seconds=5.5)


def test_an_answers_status_says_what_became_of_the_delivery() -> None:
    delivered = {status for status in range(1000) if judge(status) is Verdict.DELIVERED}
    gone = {status for status in range(1000) if judge(status) is Verdict.GONE}
    assert (delivered, gone) == (set(range(200, 300)), {410})
    assert judge(None) is judge(301) is judge(500) is Verdict.FAILED
