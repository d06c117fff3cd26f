"""When a webhook is tried again, and when we stop: pure functions of what happened."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum, auto
from random import Random

# After each failed attempt, the pause until the next; the first attempt is made at once.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS = len(PAUSES) + 1
LONGEST_ASKED = timedelta(days=1)
SUSPENDED_AFTER = timedelta(days=3)
"""For how long all attempts have failed when a webhook is left alone."""

# Upwards only: a receiver that was away is not met by everything it missed in one second.
_JITTER = 0.1
_SECONDS = re.compile(r"[0-9]+", re.ASCII)


class Verdict(StrEnum):
    """What an answer means for the delivery and for the webhook."""

    DELIVERED = auto()
    FAILED = auto()
    GONE = auto()
    """The receiver wants no more of it: the webhook is to be disabled."""


def judge(status: int | None) -> Verdict:
    """What an answer's status means; None is no answer at all. Redirects are failures."""
    if status is None:
        return Verdict.FAILED
    if 200 <= status < 300:
        return Verdict.DELIVERED
    return Verdict.GONE if status == 410 else Verdict.FAILED


def next_attempt_at(
    attempts: int, failed_at: datetime, retry_after: str | None, random: Random
) -> datetime | None:
    """When to try again after that many attempts, None when the delivery has failed for good.

    A receiver's Retry-After, in seconds or as a date, is obeyed when it is later, up to a day.
    """
    if attempts > len(PAUSES):
        return None
    pause = PAUSES[attempts - 1] * random.uniform(1, 1 + _JITTER)
    return failed_at + max(pause, _asked_pause(retry_after, failed_at))


def _asked_pause(retry_after: str | None, now: datetime) -> timedelta:
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        # As a float, because Python refuses to make an int of thousands of digits.
        return timedelta(seconds=min(float(text), LONGEST_ASKED.total_seconds()))
    return min(_until(text, now), LONGEST_ASKED)


def _until(text: str, now: datetime) -> timedelta:
    try:
        at = parsedate_to_datetime(text)
        # A date without a zone, or with -0000, is UTC as far as anybody knows.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return timedelta(0)
