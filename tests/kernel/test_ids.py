import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_api.kernel.ids import (
    ClientId,
    MspId,
    OrgId,
    format_client_id,
    format_msp_id,
    format_org_id,
    parse_client_id,
    parse_client_ids,
    parse_msp_id,
    parse_org_id,
    uuid7,
)

TEXT = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
VALUE = UUID(TEXT)
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

instants = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2199, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@pytest.mark.parametrize("text", [TEXT, TEXT.upper(), TEXT.title(), TEXT.replace("a", "A")])
def test_a_client_id_is_read_in_any_case_and_written_upper_case(text: str) -> None:
    client_id = parse_client_id(text)
    assert client_id == VALUE
    assert format_client_id(ClientId(VALUE)) == TEXT.upper()


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("-", ""),
        f"{{{TEXT}}}",
        f"urn:uuid:{TEXT}",
        f" {TEXT}",
        f"{TEXT}\n",
        TEXT[:-1],
        f"{TEXT}0",
        TEXT.replace("a1", "g1"),
        TEXT.replace("a1", "\uff411"),
        TEXT.replace("1", "\u0661"),
        TEXT.replace("-", "_"),
        f"org_{TEXT}",
    ],
)
def test_other_texts_are_no_client_id(text: str) -> None:
    assert parse_client_id(text) is None


@pytest.mark.parametrize("length", range(1, 37))
def test_a_client_id_cut_short_is_none(length: int) -> None:
    assert parse_client_id(TEXT[:-length]) is None


def test_msp_and_organization_ids_carry_their_prefix() -> None:
    assert format_msp_id(MspId(VALUE)) == f"msp_{TEXT}"
    assert format_org_id(OrgId(VALUE)) == f"org_{TEXT}"
    assert parse_msp_id(f"msp_{TEXT}") == VALUE
    assert parse_org_id(f"org_{TEXT}") == VALUE


@pytest.mark.parametrize(("prefix", "parse"), [("msp_", parse_msp_id), ("org_", parse_org_id)])
@pytest.mark.parametrize(
    "spell",
    [
        lambda _: TEXT,
        lambda prefix: prefix + TEXT.upper(),
        lambda prefix: prefix.upper() + TEXT,
        lambda prefix: prefix + prefix + TEXT,
        lambda prefix: prefix + TEXT.replace("-", ""),
        lambda prefix: f" {prefix}{TEXT}",
        lambda prefix: f"{prefix}{TEXT}\n",
        lambda prefix: prefix,
        lambda prefix: {"msp_": "org_", "org_": "msp_"}[prefix] + TEXT,
    ],
)
def test_msp_and_organization_ids_are_strict(
    prefix: str, parse: Callable[[str], UUID | None], spell: Callable[[str], str]
) -> None:
    assert parse(spell(prefix)) is None


@given(st.uuids())
def test_every_id_reads_back_as_written(value: UUID) -> None:
    assert parse_msp_id(format_msp_id(MspId(value))) == value
    assert parse_org_id(format_org_id(OrgId(value))) == value
    assert parse_client_id(format_client_id(ClientId(value))) == value


@given(instants)
def test_a_new_id_is_a_version_7_uuid_of_its_millisecond(now: datetime) -> None:
    value = uuid7(now)
    assert value.version == 7
    assert value.variant == uuid.RFC_4122
    assert value.int >> 80 == (now - EPOCH) // MILLISECOND


@given(st.integers(0, 7_000_000_000_000))
@settings(max_examples=500)
def test_ids_sort_by_the_millisecond_they_were_made_in(milliseconds: int) -> None:
    now = EPOCH + milliseconds * MILLISECOND
    assert uuid7(now) < uuid7(now + MILLISECOND)


def test_ids_of_one_millisecond_differ() -> None:
    assert len({uuid7(EPOCH) for _ in range(1000)}) == 1000


@given(st.uuids(), st.data())
@settings(max_examples=300)
def test_a_spoilt_client_id_is_one_only_in_the_written_form(
    value: UUID, data: st.DataObject
) -> None:
    text = list(str(value).upper() if data.draw(st.booleans()) else str(value))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        text[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.text("0aF-{ _\n\uff11\ud800", max_size=2)
        )
    spoilt = "".join(text)
    is_one = re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", spoilt)
    expected = UUID(spoilt) if is_one else None
    assert parse_client_id(spoilt) == expected
    assert parse_client_ids([TEXT, spoilt]) == ([VALUE, expected] if expected else None)
