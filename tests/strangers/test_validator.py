"""The document keeps the rules of the version it names."""

from pathlib import Path

import pytest

from tests.strangers.toolbox import FOLDER, PYTHONS, output

pytestmark = pytest.mark.tools


def test_a_validator_finds_no_fault(document: Path) -> None:
    assert output(PYTHONS / "openapi-spec-validator", document).endswith("OK\n")


def test_every_example_fits_its_schema(document: Path) -> None:
    program = FOLDER / "programs" / "check_examples.py"
    count, _, rest = output(PYTHONS / "python", program, document).partition(" ")
    assert rest == "examples fit\n"
    assert int(count) > 50
