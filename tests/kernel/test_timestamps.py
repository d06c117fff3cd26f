from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.kernel.timestamps import EARLIEST, LATEST, age, format_timestamp, parse_timestamp

INSTANT = datetime(2026, 2, 24, 11, 55, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-02-24T11:55:00Z", INSTANT),
        ("2026-02-24t11:55:00z", INSTANT),
        ("2026-02-24 11:55:00Z", INSTANT),
        ("2026-02-24T12:55:00+01:00", INSTANT),
        ("2026-02-24T17:40:00+05:45", INSTANT),
        ("2026-02-23T23:55:00-12:00", INSTANT),
        ("2026-02-24T11:55:00-00:00", INSTANT),
        ("2026-02-24T11:55:00.5Z", INSTANT + timedelta(milliseconds=500)),
        ("2026-02-24T11:55:00.000001Z", INSTANT + MICROSECOND),
        ("2026-02-24T11:55:00.0000019Z", INSTANT + MICROSECOND),
        ("2026-02-24T11:55:00.123456789012345Z", INSTANT + timedelta(microseconds=123456)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999999, UTC)),
        ("2016-12-31T23:59:60.25Z", datetime(2016, 12, 31, 23, 59, 59, 999999, UTC)),
        ("2017-01-01T00:59:60+01:00", datetime(2016, 12, 31, 23, 59, 59, 999999, UTC)),
        ("1970-01-01T00:00:00Z", EARLIEST),
        ("1969-12-31T23:00:00-01:00", EARLIEST),
        ("2199-12-31T23:59:59.999999Z", LATEST - MICROSECOND),
    ],
)
def test_rfc_3339_is_read(text: str, instant: datetime) -> None:
    assert parse_timestamp(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1771934100",
        "2026-02-24",
        "2026-02-24T11:55:00",
        "2026-02-24T11:55Z",
        "2026-02-24T11:55:00 Z",
        " 2026-02-24T11:55:00Z",
        "2026-02-24T11:55:00Z\n",
        "2026-02-24T11:55:00.Z",
        "2026-02-24T11:55:00,5Z",
        "2026-02-24T11:55:00+0100",
        "2026-02-24T11:55:00+01",
        "2026-02-24_11:55:00Z",
        "20260224T115500Z",
        "2026-2-24T11:55:00Z",
        "2026-02-30T11:55:00Z",
        "2025-02-29T11:55:00Z",
        "2026-13-01T11:55:00Z",
        "2026-00-01T11:55:00Z",
        "2026-02-24T24:00:00Z",
        "2026-02-24T11:60:00Z",
        "2026-02-24T11:55:61Z",
        "2026-02-24T11:55:00+24:00",
        "2026-02-24T11:55:00+05:60",
        "2026-02-24T11:55:00+99:99",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "12026-02-24T11:55:00Z",
        "+2026-02-24T11:55:00Z",
        "\u0662\u0660\u0662\u0666-02-24T11:55:00Z",
        "2026-02-24T11:55:00.\uff11Z",
        "2026-02-24T11:55:00." + "0" * 60 + "Z",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert parse_timestamp(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:59:59+01:00",
        "2200-01-01T00:00:00Z",
        "2199-12-31T23:00:00-01:00",
    ],
)
def test_instants_out_of_range_are_refused(text: str) -> None:
    assert parse_timestamp(text) is None


instants = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2199, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    timezones=st.just(UTC),
)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(instants)
def test_what_is_written_reads_as_the_same_instant(instant: datetime) -> None:
    text = format_timestamp(instant)
    assert text.endswith("Z")
    assert parse_timestamp(text) == instant


@given(instants, zones)
def test_the_zone_changes_nothing_but_the_spelling(instant: datetime, zone: timezone) -> None:
    local = instant.astimezone(zone)
    assert parse_timestamp(local.isoformat()) == instant
    assert format_timestamp(local) == format_timestamp(instant)


@given(st.text("0123456789-:.TtZz+ ", max_size=40))
def test_no_text_raises(text: str) -> None:
    instant = parse_timestamp(text)
    assert instant is None or EARLIEST <= instant < LATEST


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (INSTANT, "2026-02-24T11:55:00Z"),
        (INSTANT + timedelta(milliseconds=250), "2026-02-24T11:55:00.25Z"),
        (INSTANT + MICROSECOND, "2026-02-24T11:55:00.000001Z"),
        (INSTANT + timedelta(seconds=10), "2026-02-24T11:55:10Z"),
    ],
)
def test_a_fraction_is_written_only_where_there_is_one(instant: datetime, text: str) -> None:
    assert format_timestamp(instant) == text


def test_the_future_is_no_age() -> None:
    assert age(INSTANT, INSTANT - timedelta(seconds=3)) == timedelta(seconds=3)
    assert age(INSTANT, INSTANT + timedelta(seconds=3)) == timedelta(0)
