"""Which of two versions is newer, as one text key that sorts like the versions do.

`1.0.10` is newer than `1.0.9`: numbers compare part by part, missing parts count as zero. As in
Semantic Versioning 2.0.0 a pre-release (`1.2-rc.1`) comes before its release, its numeric parts
compare as numbers and before words, and build metadata (`+…`) does not count. Keys compare by
code point, as Postgres does under COLLATE "C".
"""

import re

MAXIMUM_LENGTH = 100

_NUMBERS = re.compile(r"[vV]?(\d+(?:\.\d+)*)", re.ASCII)
_TOKENS = re.compile(r"\d+|[^\d.\-+_\s]+", re.ASCII)

# A number starts with its length, from "0" up to U+0094: both marks sort before any, words after.
_PRE_RELEASE, _RELEASE = "!", "#"
_WORD, _WORD_END = "\u00ff", "\x1f"


def version_sort_key(version: str) -> str:
    """A text that sorts as `version` does among others; at most a few times its length."""
    version, _, _ = version.strip().partition("+")
    match = _NUMBERS.match(version)
    numbers = match[1].split(".") if match else []
    rest = _TOKENS.findall(version[match.end() :] if match else version)
    while numbers and not numbers[-1].strip("0"):
        numbers.pop()
    key = "".join(_number(part) for part in numbers)
    if not rest and match:
        return key + _RELEASE
    return key + _PRE_RELEASE + "".join(_token(token) for token in rest)


def _number(digits: str) -> str:
    digits = digits.lstrip("0") or "0"
    return chr(ord("0") + len(digits)) + digits


def _token(token: str) -> str:
    if token.isascii() and token.isdigit():
        return _number(token)
    return _WORD + token.casefold() + _WORD_END
