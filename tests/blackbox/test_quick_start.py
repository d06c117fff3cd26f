"""The document's own script, as it stands but for base URL and credentials."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.blackbox.server import Integrator

SCRIPT = Path(__file__).with_name("quick_start.sh").read_text(encoding="utf-8")


def run_script(integrator: Integrator) -> str:
    script = SCRIPT
    for placeholder, value in (
        ("https://partner.networkweather.com", integrator.url),
        ("your_client_id", integrator.msp["clientId"]),
        ("your_client_secret", integrator.msp["clientSecret"]),
        ("your_msp_id", integrator.msp["mspId"]),
    ):
        assert script.count(placeholder) == 1
        script = script.replace(placeholder, value)
    done = subprocess.run(
        ["bash", "-s"], input=script, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def section(output: str, title: str) -> list[dict[str, object]]:
    """The JSON documents printed under a title."""
    text = output.partition(f"--- {title} ---\n")[2].partition("\n---")[0]
    decoder, documents = json.JSONDecoder(), []
    while text.strip():
        document, end = decoder.raw_decode(text.strip())
        documents.append(document)
        text = text.strip()[end:]
    return documents


@pytest.mark.tools
def test_the_quick_start_tells_the_truth_about_devices_that_check_in(
    integrator: Integrator,
) -> None:
    acme = integrator.create_organization("Acme Corp")
    integrator.create_organization("Empty Inc")
    _, seen = integrator.enroll(acme, assetId="SEEN")
    silent, _ = integrator.enroll(acme, os="macOS", assetId="SILENT")
    answer = httpx.post(f"{integrator.url}/v1/agent/check-ins", json={}, headers=seen, timeout=20)
    assert answer.json()["data"]["status"] == "healthy"

    output = run_script(integrator)

    assert output.startswith("Token acquired (expires in 1 hour)\n")
    assert section(output, "Fleet Stats") == [
        {
            "totalDevices": 2,
            "totalOrgs": 2,
            "healthy": 1,
            "warning": 0,
            "critical": 1,
            "onlineNow": 1,
        }
    ]
    assert section(output, "Organizations") == [
        {"name": "Acme Corp", "overallHealth": "critical", "devices": 2},
        {"name": "Empty Inc", "overallHealth": "healthy", "devices": 0},
    ]
    assert section(output, "Critical Devices") == [
        {"clientId": silent, "os": "macOS", "lastSeen": None, "assetId": "SILENT"}
    ]
