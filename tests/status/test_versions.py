import itertools
from functools import cmp_to_key

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_api.status.versions import version_sort_key

Version = tuple[list[int], list[int | str]]


def plain_compare(one: Version, other: Version) -> int:
    """The rules spelled out: -1 when `one` is older, 0 when both are the same, 1 when newer."""
    for left, right in itertools.zip_longest(one[0], other[0], fillvalue=0):
        if left != right:
            return -1 if left < right else 1
    pre, other_pre = one[1], other[1]
    if not pre or not other_pre:
        return bool(other_pre) - bool(pre) if bool(pre) != bool(other_pre) else 0
    for left_part, right_part in zip(pre, other_pre, strict=False):
        if left_part == right_part:
            continue
        if isinstance(left_part, int) and isinstance(right_part, int):
            return -1 if left_part < right_part else 1
        if isinstance(left_part, str) and isinstance(right_part, str):
            return -1 if left_part < right_part else 1
        return -1 if isinstance(left_part, int) else 1
    return (len(pre) > len(other_pre)) - (len(pre) < len(other_pre))


def compare_keys(one: str, other: str) -> int:
    left, right = version_sort_key(one), version_sort_key(other)
    return (left > right) - (left < right)


numbers = st.integers(0, 12) | st.integers(0, 10**30)
words = st.text("abcr", min_size=1, max_size=4)
versions: st.SearchStrategy[Version] = st.tuples(
    st.lists(numbers, min_size=1, max_size=5), st.lists(numbers | words, max_size=3)
)
spellings = st.tuples(
    st.sampled_from(["", "v", "V"]),
    st.integers(0, 3),
    st.sampled_from(["", "+5", "+build.7", "+20260101-rc.1"]),
    st.booleans(),
)


def spell(version: Version, spelling: tuple[str, int, str, bool]) -> str:
    """One of the ways to write a version."""
    prefix, zeros, build, shout = spelling
    text = ".".join("0" * zeros + str(number) for number in version[0]) + ".0" * zeros
    if version[1]:
        text += "-" + ".".join(str(part) for part in version[1])
    return prefix + (text.upper() if shout else text) + build


@given(versions, versions, spellings, spellings)
@settings(max_examples=400)
def test_keys_sort_as_the_versions_do(
    one: Version,
    other: Version,
    spelling: tuple[str, int, str, bool],
    other_spelling: tuple[str, int, str, bool],
) -> None:
    found = compare_keys(spell(one, spelling), spell(other, other_spelling))
    assert found == plain_compare(one, other)


@given(st.lists(versions, max_size=8))
def test_a_sorted_list_of_keys_is_a_sorted_list_of_versions(fleet: list[Version]) -> None:
    by_rule = sorted(fleet, key=cmp_to_key(plain_compare))
    by_key = sorted(fleet, key=lambda version: version_sort_key(spell(version, ("", 0, "", False))))
    assert [plain_compare(a, b) for a, b in zip(by_rule, by_key, strict=True)] == [0] * len(fleet)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0.9", "1.0.10"),
        ("1.9", "1.10"),
        ("9", "10"),
        ("0.9.9", "1"),
        ("1.0.5.42", "1.0.5.43"),
        ("1.0.5", "1.0.5.1"),
        ("1.0", "1.0.0.1"),
        ("0", "0.0.1"),
        ("1.0.0-rc.1", "1.0.0"),
        ("1.0.0-rc.1", "1"),
        ("1.0.0-rc", "1.0.0-rc.1"),
        ("1.0.0-rc.2", "1.0.0-rc.10"),
        ("1.0.0rc2", "1.0.0rc10"),
        ("1.0.0-alpha", "1.0.0-alpha.1"),
        ("1.0.0-alpha.1", "1.0.0-alpha.beta"),
        ("1.0.0-alpha.beta", "1.0.0-beta"),
        ("1.0.0-beta", "1.0.0-beta.2"),
        ("1.0.0-beta.2", "1.0.0-beta.11"),
        ("1.0.0-beta.11", "1.0.0-rc.1"),
        ("0.9.9", "1.0.0-alpha"),
        ("1.0.0", "1.0.1-alpha"),
        ("v1.0.9", "1.0.10"),
        ("1.0.9", "V1.0.10"),
        ("1.0.9+99", "1.0.10+1"),
        ("9" * 40, "1" + "0" * 40),
        ("9" * 100, "8" + "9" * 99 + "9"),
        ("1." + "9" * 20, "1.1" + "0" * 20),
        ("gibberish", "0"),
        ("gibberish", "0.0.1-alpha"),
        ("", "0"),
        ("unknown", "1.0"),
    ],
)
def test_one_version_is_newer(older: str, newer: str) -> None:
    assert compare_keys(older, newer) == -1
    assert compare_keys(newer, older) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1.0.0"),
        ("1", "1.0.0.0.0"),
        ("0", "0.0"),
        ("v1.2.3", "1.2.3"),
        ("V1.2.3", "1.2.3"),
        ("1.2.3+build", "1.2.3"),
        ("1.2.3+1", "1.2.3+2"),
        ("1.2.3-rc.1+5", "1.2.3-rc.1"),
        ("1.2-rc.1", "1.2.0-rc.1"),
        ("1.2.3-RC.1", "1.2.3-rc.1"),
        ("01.002.3", "1.2.3"),
        (" 1.2.3 ", "1.2.3"),
    ],
)
def test_two_spellings_are_one_version(one: str, other: str) -> None:
    assert compare_keys(one, other) == 0


@given(st.text(max_size=100))
def test_gibberish_has_a_key_that_can_be_stored(text: str) -> None:
    key = version_sort_key(text)
    assert key
    if "\0" not in text:
        assert "\0" not in key


@given(st.text(max_size=100), st.text(max_size=100))
def test_code_points_and_utf_8_bytes_sort_keys_alike(one: str, other: str) -> None:
    left, right = version_sort_key(one), version_sort_key(other)
    assert (left < right) == (left.encode() < right.encode())


@pytest.mark.parametrize(
    "text", ["1." * 50, "a1" * 50, "a" * 100, "9" * 100, "ﬃ" * 100, "ΐ1" * 50, "张" * 100]
)
def test_a_key_fits_an_index_entry(text: str) -> None:
    assert len(version_sort_key(text).encode()) < 1200
