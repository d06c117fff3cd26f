"""RFC 3339 in and out; the database never parses a date."""

import re
from datetime import UTC, datetime, timedelta

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?"
    r"([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def parse_timestamp(text: str) -> datetime | None:
    """The instant an RFC 3339 text names, in UTC, or None.

    Microseconds are kept, finer digits cut off. A zone is required. A leap second (`:60`) is
    read as the last microsecond before it. Instants before 1970 or from 2200 on are refused.
    """
    match = _RFC3339.fullmatch(text) if len(text) <= 64 else None
    if match is None:
        return None
    date, minutes, seconds, fraction, zone = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    if seconds == "60":
        seconds, micros = "59", "999999"
    zone = "+00:00" if zone in "Zz" else zone
    try:
        instant = datetime.fromisoformat(f"{date}T{minutes}:{seconds}.{micros}{zone}")
        instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return instant if EARLIEST <= instant < LATEST else None


def format_timestamp(instant: datetime) -> str:
    """`2026-02-24T11:55:00Z`, with a fraction only where there is one."""
    text = instant.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def age(now: datetime, instant: datetime) -> timedelta:
    """How long ago `instant` was; zero for an instant in the future."""
    return max(now - instant, timedelta(0))
