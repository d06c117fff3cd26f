"""A client that a stranger's generator makes of the document runs the quick start."""

import json
from pathlib import Path

import pytest

from tests.blackbox.server import Integrator, Server
from tests.strangers.conftest import DOCUMENTS, download
from tests.strangers.toolbox import FOLDER, PYTHONS, output

pytestmark = pytest.mark.tools


def test_a_generated_client_runs_the_quick_start(
    server: Server, integrator: Integrator, tmp_path: Path
) -> None:
    # The generator refuses 3.2.
    document = download(server, DOCUMENTS["3.1.0"], tmp_path)
    package = tmp_path / "partner_api_client"
    options = ("--path", document, "--output-path", package, "--meta", "none", "--fail-on-warning")
    output(PYTHONS / "openapi-python-client", "generate", *options)
    msp = integrator.msp
    printed = output(
        PYTHONS / "python",
        FOLDER / "programs" / "quick_start.py",
        *(integrator.url, msp["mspId"], msp["clientId"], msp["clientSecret"]),
        PYTHONPATH=str(tmp_path),
    )
    told = json.loads(printed)
    assert told["answer"] == "healthy"
    assert told["critical"] == [told["silent"]]
    assert told["checkIns"] == 1
    assert told["stats"]["totalDevices"] == 2
    assert told["stats"]["onlineNow"] == 1
    assert told["organizations"] == [["Acme Corp", 2]]
