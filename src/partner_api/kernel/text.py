"""What text we accept, and how it folds for comparison."""

import unicodedata


def is_clean(text: str) -> bool:
    """Whether a text can be stored and shown: no control characters, no lone surrogates.

    Postgres refuses NUL; other control characters in names and tags only serve to confuse.
    """
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def fold(text: str) -> str:
    """A text's case-insensitive sort key."""
    return text.casefold()
