import re
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_api.organizations.slugs import free_slugs, slug_of

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Corp", "acme-corp"),
        ("  Acme   &  Söhne, Inc. ", "acme-sohne-inc"),
        ("O'Neil", "oneil"),
        ("Zürich", "zurich"),
        ("Straße 7", "strasse-7"),
        ("İstanbul", "istanbul"),
        ("--a--", "a"),
        ("3M", "3m"),
        ("张伟", "zhangwei"),
        ("Яндекс", "yandeks"),
    ],
)
def test_a_name_becomes_ascii_words(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.parametrize(
    "name",
    ["张伟有限公司", "شركة النور", "🎉7", "한국", "日本 株式会社", "½½", "ꙮꙮ", "𐎀𐎁", "𞤀𞤁", "ªª"],
)
def test_a_name_of_any_script_has_a_slug(name: str) -> None:
    assert SLUG.fullmatch(slug_of(name))


@given(st.text(max_size=100))
@settings(max_examples=500)
def test_a_slug_is_ascii_and_never_empty(name: str) -> None:
    slug = slug_of(name)
    assert SLUG.fullmatch(slug)
    assert len(slug) <= 80


@given(st.text(max_size=100))
def test_a_slug_is_its_own_slug(name: str) -> None:
    assert slug_of(slug_of(name)) == slug_of(name)


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], ["acme", "acme-2", "acme-3"]),
        (["acme"], ["acme-2", "acme-3", "acme-4"]),
        (["acme", "acme-2", "acme-4"], ["acme-3", "acme-5", "acme-6"]),
        (["acme-2"], ["acme", "acme-3", "acme-4"]),
    ],
)
def test_taken_slugs_are_passed_over(taken: list[str], free: list[str]) -> None:
    assert list(islice(free_slugs("acme", taken), 3)) == free
