"""Moments as whole milliseconds since 1970: how samples are told apart and sorted into slots."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_millis(instant: datetime) -> int:
    """The millisecond an instant lies in."""
    return (instant - _EPOCH) // _MILLISECOND


def from_millis(at: int) -> datetime:
    """The instant at which a millisecond begins."""
    return _EPOCH + at * _MILLISECOND


def or_none(at: int | None) -> datetime | None:
    """The same for a moment that may not be."""
    return None if at is None else from_millis(at)


def millis_or_none(instant: datetime | None) -> int | None:
    """The same the other way."""
    return None if instant is None else to_millis(instant)


def floor(at: int, length: int) -> int:
    """Where the slot begins, of so many milliseconds and counted from 1970, in which it lies."""
    return at - at % length
