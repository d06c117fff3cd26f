import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.kernel.text import fold, is_clean


@pytest.mark.parametrize(
    "text", ["", "Acme Corp", "O'Neil & Söhne", "张伟", "شركة النور", "🎉", "a\u200db", "e\u0301"]
)
def test_text_of_any_script_is_clean(text: str) -> None:
    assert is_clean(text)


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "a\nb", "a\tb", "a\rb", "\x1b[31m", "\x7f", "\x85", "\ud800", "a\udfff"]
)
def test_control_characters_and_lone_surrogates_are_not(text: str) -> None:
    assert not is_clean(text)


@given(st.text())
def test_clean_text_can_be_stored(text: str) -> None:
    if is_clean(text):
        assert "\0" not in text
        assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("text", "other"), [("ACME-1", "acme-1"), ("Straße", "STRASSE"), ("ΣΊΣΥΦΟΣ", "σίσυφος")]
)
def test_folding_makes_case_alike(text: str, other: str) -> None:
    assert fold(text) == fold(other)
