"""Whatever a stranger's fuzzer makes of the document is answered as the document says."""

import os
from pathlib import Path

import pytest

from tests.strangers.conftest import Fleet
from tests.strangers.toolbox import PYTHONS, run

pytestmark = pytest.mark.tools

# For each of the two documents. An access token lives for an hour: stay below it.
SECONDS = int(os.environ.get("FUZZ_SECONDS", "30"))


def test_schemathesis_finds_nothing(document: Path, fleet: Fleet) -> None:
    done = run(
        PYTHONS / "schemathesis",
        *("--no-color", "run", document, "--url", fleet.integrator.url),
        *("--max-time", SECONDS, "--continue-on-failure"),
        *("--generation-database", "none"),
        timeout=SECONDS + 120,
        variables={
            "MSP_ID": fleet.integrator.msp["mspId"],
            "ACCESS_TOKEN": fleet.access_token,
            "ENROLLMENT_TOKEN": fleet.enrollment_token,
            "DEVICE_TOKEN": fleet.device_token,
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
