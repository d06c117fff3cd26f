"""Who made a device, told by its address."""

from datetime import date
from pathlib import Path

import pytest

from partner_api.telemetry.addresses import parse_mac
from partner_api.telemetry.manufacturers.build import main, read
from partner_api.telemetry.manufacturers.table import Kind, Table

CSV = """\
Registry,Assignment,Organization Name,Organization Address
MA-L,00000C,"Cisco Systems, Inc","170 WEST TASMAN DRIVE, SAN JOSE CA US 94568"
MA-L,005056,"VMware, Inc.",3401 Hillview Avenue PALO ALTO CA US 94304
MA-L,B827EB,Raspberry  Pi Foundation ,Mitchell Wood House Caldecote GB
MA-L,001BC5,IEEE Registration Authority,445 Hoes Lane Piscataway NJ US 08554
MA-L,0055DA,IEEE Registration Authority,445 Hoes Lane Piscataway NJ US 08554
MA-L,4C4C4C,Private,
MA-L,02608C,3COM,5353 BETSY ROSS DRIVE SANTA CLARA CA US 95052
MA-M,0055DA1,"KoolPOS, Inc.",Vancouver CA
MA-S,001BC5000,Converging Systems Inc.,Los Angeles US
MA-S,0055DA1FF,"Example of a part, Inc.",
"""
LIST = """\
# Assignments
00:00:0C\tCisco\tCisco Systems, Inc
00:50:56          \tVMware       \tVMware, Inc.
B8:27:EB\tRaspberryPiF\tRaspberry Pi Foundation

00:1B:C5\tIEEERegistra\tIEEE Registration Authority
02:60:8C\t3COM
00:55:DA:10:00:00/28\tKoolPOS\tKoolPOS, Inc.
00:1B:C5:00:00:00/36\tConverging\tConverging Systems Inc.
00:55:DA:1F:F0:00/36\tExample\tExample of a part, Inc.
"""
DATE = date(2026, 2, 24)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder: Path = tmp_path_factory.mktemp("manufacturers")
    (folder / "all.csv").write_text(CSV, encoding="utf-8")
    output = folder / "table"
    said = ["--source", "IEEE registries", "--date", "2026-02-24", "--output", str(output)]
    main([str(folder / "all.csv"), *said])
    return Table.unpack(output.read_bytes())


def test_it_says_where_it_is_from(table: Table) -> None:
    assert (table.source, table.date) == ("IEEE registries", DATE)


@pytest.mark.parametrize(
    ("mac", "manufacturer", "kind"),
    [
        ("00:00:0c:9f:f0:01", "Cisco Systems, Inc", Kind.KNOWN),
        ("00:50:56:00:00:00", "VMware, Inc.", Kind.KNOWN),
        ("b8:27:eb:ff:ff:ff", "Raspberry Pi Foundation", Kind.KNOWN),
        # The longest prefix decides: 36 bits, then 28, then 24.
        ("00:55:da:1f:f1:23", "Example of a part, Inc.", Kind.KNOWN),
        ("00:55:da:1f:e1:23", "KoolPOS, Inc.", Kind.KNOWN),
        ("00:1b:c5:00:01:23", "Converging Systems Inc.", Kind.KNOWN),
        # What lies in a frame and is nobody's.
        ("00:55:da:21:23:45", None, Kind.UNKNOWN),
        ("00:1b:c5:00:11:23", None, Kind.UNKNOWN),
        ("4c:4c:4c:00:00:00", None, Kind.UNKNOWN),
        ("f0:f0:f0:00:00:00", None, Kind.UNKNOWN),
        # A group of devices, and what was set by hand, even where it looks assigned.
        ("01:00:0c:cc:cc:cc", None, Kind.UNKNOWN),
        ("02:00:00:00:00:01", None, Kind.LOCALLY_ADMINISTERED),
        ("02:60:8c:00:00:01", None, Kind.LOCALLY_ADMINISTERED),
        ("ff:ff:ff:ff:ff:ff", None, Kind.LOCALLY_ADMINISTERED),
    ],
)
def test_an_address_tells_its_manufacturer(
    table: Table, mac: str, manufacturer: str | None, kind: Kind
) -> None:
    number = parse_mac(mac)
    assert number is not None
    assert table.manufacturer(number) == manufacturer
    assert table.kind(number) is kind


def test_both_forms_of_the_registry_say_the_same() -> None:
    assert read(LIST.splitlines()) == read(CSV.splitlines())


def test_the_same_assignments_make_the_same_file(table: Table) -> None:
    backwards = dict(reversed(list(table.assigned.items())))
    assert Table(table.source, DATE, backwards).pack() == table.pack()
    assert Table.unpack(table.pack()) == table


@pytest.mark.parametrize("line", ["00:00\tShort", "00:00:0C:00:00:00/40\tLong", "<html>"])
def test_what_is_no_registry_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="is no assignment"):
        read([line])
