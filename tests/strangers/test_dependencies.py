"""What we depend on has no known hole, where the list of them can be reached."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.strangers.toolbox import PYTHONS, run

pytestmark = pytest.mark.tools

LOCK = Path(__file__).parents[2] / "requirements.lock"
OPTIONS = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def test_no_dependency_has_a_known_hole(tmp_path: Path) -> None:
    one = tmp_path / "requirements.txt"
    one.write_text(LOCK.read_text(encoding="utf-8").split()[0])
    if reason := missing(audit(one)):
        pytest.skip(f"the list of known holes cannot be reached from here: {reason}")
    audited = audit(LOCK)
    assert missing(audited) is None
    assert {found["name"]: found["vulns"] for found in listed(audited) if found["vulns"]} == {}


def audit(requirements: Path) -> subprocess.CompletedProcess[str]:
    return run(PYTHONS / "pip-audit", "--requirement", requirements, "--timeout", 10, *OPTIONS)


def listed(audited: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """What was found of each dependency."""
    found: list[dict[str, Any]] = json.loads(audited.stdout)["dependencies"]
    return found


def missing(audited: subprocess.CompletedProcess[str]) -> str | None:
    """Why something was not found in the list, in the program's words."""
    if not audited.stdout:
        return audited.stderr.strip().rpartition("\n")[2]
    reasons = (found.get("skip_reason") for found in listed(audited))
    return next(filter(None, reasons), None)
