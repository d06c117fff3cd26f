"""Makes the file of manufacturers: `python -m partner_api.telemetry.manufacturers.build --help`.

Reads the registries as the IEEE publishes them (CSV: MA-L, MA-M, MA-S), the list that Wireshark
makes of them, or the `index.json` of the npm package oui-data, which has all three.
"""

import argparse
import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from partner_api.kernel.text import is_clean
from partner_api.telemetry.manufacturers.table import Table

_ASSIGNMENT: Final = re.compile(r"[0-9a-f]{6}|[0-9a-f]{7}|[0-9a-f]{9}")
_NOBODY: Final = {"private", "ieee registration authority"}
"""Who keeps its name to itself; and whose assignments are the small ones' frame."""
_DIGIT_BITS: Final = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Read files, write one."""
    parser = argparse.ArgumentParser(description="Make the file of manufacturers.")
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        help="CSV of the IEEE, Wireshark's list, or oui-data's index.json",
    )
    parser.add_argument("--source", required=True, help="what they are, in words")
    parser.add_argument("--date", required=True, type=date.fromisoformat, help="of which day")
    parser.add_argument("--output", required=True, type=Path)
    options = parser.parse_args(arguments)
    assigned: dict[str, str] = {}
    for file in options.files:
        assigned |= read(file.read_text(encoding="utf-8").splitlines())
    options.output.write_bytes(Table(options.source, options.date, assigned).pack())


def read(lines: Sequence[str]) -> dict[str, str]:
    """Manufacturers by prefix; ValueError for what is none of these."""
    rows = _rows(lines)
    assigned = {}
    for prefix, name in rows:
        if not _ASSIGNMENT.fullmatch(prefix):
            raise ValueError(f"{prefix!r} is no assignment of 24, 28 or 36 bits")
        neat = " ".join(name.split())
        if neat and is_clean(neat) and neat.casefold() not in _NOBODY:
            assigned[prefix] = neat
    return assigned


def _rows(lines: Sequence[str]) -> Iterable[tuple[str, str]]:
    first = lines[0] if lines else ""
    if first.startswith("Registry,"):
        return _csv(lines)
    return _json("\n".join(lines)) if first.startswith("{") else _list(lines)


def _json(text: str) -> Iterator[tuple[str, str]]:
    for prefix, owner in json.loads(text).items():
        # Its address follows in other lines.
        yield prefix.lower(), owner.partition("\n")[0]


def _csv(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for row in csv.DictReader(lines):
        yield row["Assignment"].lower(), row["Organization Name"]


def _list(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        address, _, names = line.partition("\t")
        digits, _, bits = address.strip().replace(":", "").lower().partition("/")
        # A short name comes first, and the whole one is sometimes missing.
        yield digits[: int(bits or 24) // _DIGIT_BITS], names.split("\t")[-1]


if __name__ == "__main__":
    main()
