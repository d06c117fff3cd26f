"""The four severities, and the words devices use for them."""

from enum import IntEnum


class Severity(IntEnum):
    """How much a log entry matters; the number is what is stored."""

    DEBUG = 0
    INFO = 1
    WARN = 2
    ERROR = 3


_WORDS = {
    **{severity.name: severity for severity in Severity},
    "NOTICE": Severity.INFO,
    "WARNING": Severity.WARN,
    "CRITICAL": Severity.ERROR,
    "ALERT": Severity.ERROR,
    "EMERGENCY": Severity.ERROR,
    "FATAL": Severity.ERROR,
}

ACCEPTED_WORDS = tuple(_WORDS)


def parse_severity(word: str) -> Severity | None:
    """The severity a word names in any case, None for any other word."""
    return _WORDS.get(word.upper())
