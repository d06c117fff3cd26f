"""The words devices use for severities."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_api.logs.severity import ACCEPTED_WORDS, parse_severity

SEVERITIES = {
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "NOTICE": "INFO",
    "WARN": "WARN",
    "WARNING": "WARN",
    "ERROR": "ERROR",
    "CRITICAL": "ERROR",
    "ALERT": "ERROR",
    "EMERGENCY": "ERROR",
    "FATAL": "ERROR",
}


def test_these_words_and_no_others_are_accepted() -> None:
    assert set(ACCEPTED_WORDS) == set(SEVERITIES)


@pytest.mark.parametrize(("word", "name"), SEVERITIES.items())
def test_a_word_means_its_severity_in_any_case(word: str, name: str) -> None:
    for spelled in (word, word.lower(), word.title(), word.swapcase()):
        severity = parse_severity(spelled)
        assert severity is not None
        assert severity.name == name


@settings(max_examples=200)
@given(st.text().filter(lambda text: text.isascii() and text.upper() not in SEVERITIES))
def test_any_other_word_means_none(word: str) -> None:
    assert parse_severity(word) is None
