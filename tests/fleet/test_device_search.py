import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Tenant
from tests.fleet.fleets import read_devices

FIELDS = ("assetId", "serialNumber", "userName", "userEmail")
TEXTS = [
    "ACME-MBP-0042",
    "100% wool",
    "100 wool",
    "snake_case",
    "snakeXcase",
    r"C:\Users\ann",
    "C:/Users/ann",
    'O\'Neil "Bob"',
    "a*b?c[d]",
    "ann@example.com",
    "Straße 1",
    "STRASSE 1",
    "İstanbul",
    "ISTANBUL",
    "张伟",
    "ΣΊΣΥΦΟΣ",
    "e\u0301te\u0301",
]


@pytest.fixture
async def searched(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> Tenant:
    """Each text in each field, under both MSPs."""
    for msp in (tenant, other_tenant):
        org_id = await msp.create_organization()
        await insert_devices(
            owner,
            [
                device_row(msp, org_id, clock.now(), None, **{field: text, "osVersion": "zebra"})
                for field in FIELDS
                for text in TEXTS
            ]
            + [device_row(msp, org_id, clock.now(), None, referrer="zebra")],
        )
    return tenant


async def _found(tenant: Tenant, text: str) -> set[tuple[str, str]]:
    found = [
        (field, device[field])
        for device in await read_devices(tenant, q=text)
        for field in FIELDS
        if field in device
    ]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mbp", {"ACME-MBP-0042"}),
        ("ACME-mbp-0042", {"ACME-MBP-0042"}),
        ("%", {"100% wool"}),
        ("100%", {"100% wool"}),
        ("100% WOOL", {"100% wool"}),
        ("_", {"snake_case"}),
        ("e_c", {"snake_case"}),
        ("\\", {r"C:\Users\ann"}),
        (r"c:\users", {r"C:\Users\ann"}),
        (r"\%", set[str]()),
        ("'", {'O\'Neil "Bob"'}),
        ('"bob"', {'O\'Neil "Bob"'}),
        ("*B?", {"a*b?c[d]"}),
        (".*", set[str]()),
        ("ANN@EXAMPLE", {"ann@example.com"}),
        ("straße", {"Straße 1", "STRASSE 1"}),
        ("STRASSE", {"Straße 1", "STRASSE 1"}),
        ("ß", {"Straße 1", "STRASSE 1"}),
        ("İstanbul", {"İstanbul"}),
        ("İSTANBUL", {"İstanbul"}),
        ("istanbul", {"ISTANBUL"}),
        ("STANBUL", {"İstanbul", "ISTANBUL"}),
        ("张", {"张伟"}),
        ("伟张", set[str]()),
        ("σίσυφος", {"ΣΊΣΥΦΟΣ"}),
        ("Σίσυφοσ", {"ΣΊΣΥΦΟΣ"}),
        (" wool", {"100% wool", "100 wool"}),
        ("zebra", set[str]()),
        ("macOS", set[str]()),
    ],
)
async def test_a_search_is_literal_whatever_the_case_in_all_four_fields(
    searched: Tenant, text: str, expected: set[str]
) -> None:
    assert await _found(searched, text) == {(field, t) for field in FIELDS for t in expected}


async def test_every_piece_of_a_text_finds_it_in_any_case(searched: Tenant) -> None:
    for text in TEXTS:
        for piece in {text, text[1:-1], text.upper(), text.casefold(), text.swapcase()}:
            expected = {t for t in TEXTS if piece.casefold() in t.casefold()}
            found = await _found(searched, piece)
            assert found == {(field, t) for field in FIELDS for t in expected}, piece


async def test_an_empty_search_is_none(searched: Tenant) -> None:
    assert len(await read_devices(searched, q="")) == len(FIELDS) * len(TEXTS) + 1


async def test_a_device_that_matches_twice_is_listed_once(
    tenant: Tenant, other_tenant: Tenant, clock: StoppedClock, owner: AsyncEngine
) -> None:
    org_id = await tenant.create_organization()
    both = device_row(tenant, org_id, clock.now(), None, assetId="ann-1", userEmail="ann@a.com")
    await insert_devices(owner, [both])
    assert len(await read_devices(tenant, q="ANN")) == 1
    assert await read_devices(other_tenant, q="ann-1") == []
