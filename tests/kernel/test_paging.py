import base64
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.kernel.errors import Invalid
from partner_api.kernel.paging import CursorKey, CursorSigner, micros, micros_to_instant

OLD, NEW = b"o" * 32, b"n" * 32
WALK = ["msp_1", "devices", None, "critical", None, None, "lastSeen", "asc"]
POSITION: list[CursorKey] = [1771934100000000, "a1b2c3d4-e5f6-7890-abcd-ef1234567890"]

positions = st.lists(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=120), max_size=4
)
walks = st.lists(st.none() | st.text(max_size=20), max_size=6)
sealable = string.ascii_letters + string.digits + "-_+/= \n.é"


@pytest.fixture
def signer() -> CursorSigner:
    return CursorSigner([NEW])


@given(walks, positions)
def test_a_cursor_opens_where_it_was_sealed(
    walk: list[str | None], position: list[CursorKey]
) -> None:
    signer = CursorSigner([NEW])
    assert signer.open(walk, signer.seal(walk, position)) == position


@given(walks, walks)
def test_a_cursor_opens_on_no_other_walk(walk: list[str | None], other: list[str | None]) -> None:
    signer = CursorSigner([NEW])
    cursor = signer.seal(walk, POSITION)
    if other != walk:
        with pytest.raises(Invalid):
            signer.open(other, cursor)


def test_a_missing_filter_and_an_empty_one_are_two_walks(signer: CursorSigner) -> None:
    with pytest.raises(Invalid):
        signer.open(["devices", ""], signer.seal(["devices", None], POSITION))


def test_a_cursor_is_safe_in_an_address(signer: CursorSigner) -> None:
    cursor = signer.seal(WALK, ["~?>>é张", None])
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")


@pytest.mark.parametrize("position", [["a"], ["ab"], ["abc"], POSITION])
def test_any_flipped_character_is_refused(signer: CursorSigner, position: list[CursorKey]) -> None:
    cursor = signer.seal(WALK, position)
    opened = [
        changed
        for place, character in enumerate(cursor)
        for other in sealable
        if other != character
        and _opens(signer, changed := cursor[:place] + other + cursor[place + 1 :])
    ]
    assert opened == []


@pytest.mark.parametrize("position", [["a"], ["ab"], ["abc"], POSITION])
@pytest.mark.parametrize("extra", ["=", "==", "A", "AAAA", " ", "\n", "é"])
def test_anything_added_is_refused(
    signer: CursorSigner, position: list[CursorKey], extra: str
) -> None:
    cursor = signer.seal(WALK, position)
    assert not _opens(signer, cursor + extra)
    assert not _opens(signer, extra + cursor)


def test_a_cursor_cut_short_is_refused(signer: CursorSigner) -> None:
    cursor = signer.seal(WALK, POSITION)
    assert not [n for n in range(len(cursor)) if _opens(signer, cursor[:n])]


@given(
    st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode())
)
def test_a_made_up_cursor_is_refused(text: str) -> None:
    assert not _opens(CursorSigner([NEW]), text)


def test_the_refusal_names_the_parameter(signer: CursorSigner) -> None:
    with pytest.raises(Invalid, match="cursor"):
        signer.open(WALK, "made-up")


def test_another_servers_key_opens_nothing() -> None:
    assert not _opens(CursorSigner([NEW]), CursorSigner([OLD]).seal(WALK, POSITION))


def test_a_key_further_down_the_ring_still_opens() -> None:
    assert _opens(CursorSigner([NEW, OLD]), CursorSigner([OLD]).seal(WALK, POSITION))


def test_the_first_key_seals() -> None:
    assert _opens(CursorSigner([NEW]), CursorSigner([NEW, OLD]).seal(WALK, POSITION))


@given(
    st.datetimes(
        datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        datetime(2199, 12, 31),  # noqa: DTZ001
        timezones=st.just(UTC),
    )
)
def test_a_cursor_carries_an_instant_to_the_microsecond(instant: datetime) -> None:
    assert micros_to_instant(micros(instant)) == instant
    assert micros(instant + timedelta(microseconds=1)) == (micros(instant) or 0) + 1


def test_a_cursor_carries_the_absence_of_an_instant() -> None:
    assert micros(None) is None
    assert micros_to_instant(None) is None


def _opens(signer: CursorSigner, cursor: str) -> bool:
    try:
        signer.open(WALK, cursor)
    except Invalid:
        return False
    return True
