"""What we depend on has no known hole, where the list of them can be reached."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.strangers.toolbox import PYTHONS, run

pytestmark = pytest.mark.tools

LOCK = Path(__file__).parents[2] / "requirements.lock"
OPTIONS = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def audited(requirements: Path) -> list[dict[str, Any]]:
    """What is known of each requirement; nothing where the list cannot be reached."""
    done = run(PYTHONS / "pip-audit", "--requirement", requirements, "--timeout", 10, *OPTIONS)
    found = json.loads(done.stdout)["dependencies"] if done.stdout else []
    return [dependency for dependency in found if "skip_reason" not in dependency]


def test_no_dependency_has_a_known_hole(tmp_path: Path) -> None:
    one = tmp_path / "requirements.txt"
    one.write_text(LOCK.read_text(encoding="utf-8").split()[0])
    if not audited(one):
        pytest.skip("the list of known holes cannot be reached from here")
    holes = {found["name"]: found["vulns"] for found in audited(LOCK) if found["vulns"]}
    assert holes == {}
