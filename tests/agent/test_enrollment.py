"""Enrolling with a real server, as whoever sets a device up does."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import Result

from partner_api.agent.cli import DEAD_TOKEN, LATER, WRONG
from partner_api.agent.host import AGENT_VERSION
from tests.agent.device import ONCE, Device
from tests.agent.proxy import Fault, Proxy
from tests.blackbox.server import Integrator


@pytest.fixture
def new(tmp_path: Path, integrator: Integrator) -> Device:
    """Not enrolled yet."""
    return Device(tmp_path / "new", integrator)


def enroll(device: Device, url: str, *more: str, org_id: str | None = None) -> Result:
    token = device.enrollment_token(org_id)
    done = device.cli("enroll", "--url", url, "--token", token, *more)
    kept = device.path / "enrollment.json"
    secrets = [token, json.loads(kept.read_text())["device_token"]] if kept.exists() else [token]
    assert not any(secret in done.stdout + done.stderr for secret in secrets)
    return done


def test_an_enrolled_device_is_known_as_it_says(new: Device, proxy: Proxy) -> None:
    people = ("--user-name", "Zoë", "--user-email", "zoe@example.com", "--asset-id", "A-1")
    done = enroll(new, proxy.url, *people)
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    known = new.read()
    assert known["clientId"] in done.stdout
    assert (known["userName"], known["userEmail"], known["assetId"]) == (
        "Zoë",
        "zoe@example.com",
        "A-1",
    )
    assert known["currentVersion"] == AGENT_VERSION
    assert "lastSeen" not in known


def test_a_version_said_at_enrollment_stays_with_check_ins(new: Device, proxy: Proxy) -> None:
    assert enroll(new, proxy.url, "--current-version", "7.8.9").exit_code == 0
    assert new.cli(*ONCE).exit_code == 0
    assert new.read()["currentVersion"] == "7.8.9"


def test_enrolling_again_keeps_the_device_and_what_waits(new: Device, proxy: Proxy) -> None:
    assert enroll(new, proxy.url).exit_code == 0
    client_id = new.directory.client_id()
    copy = Device(new.path.with_name("copy"), new.integrator)
    shutil.copytree(new.path, copy.path, dirs_exist_ok=True)
    proxy.always(Fault.AWAY)
    assert new.cli(*ONCE).exit_code == LATER
    proxy.always(Fault.NONE)
    assert enroll(new, proxy.url).exit_code == 0
    assert new.directory.client_id() == client_id
    assert new.cli(*ONCE).exit_code == 0
    assert new.counted() == 2
    assert copy.cli(*ONCE).exit_code == DEAD_TOKEN


def test_an_enrollment_whose_answer_is_lost_makes_no_second_device(
    new: Device, proxy: Proxy
) -> None:
    proxy.always(Fault.CUT)
    assert enroll(new, proxy.url).exit_code == LATER
    proxy.always(Fault.NONE)
    assert enroll(new, proxy.url).exit_code == 0
    assert new.integrator.get(f"/v1/devices?orgId={new.org_id}")["meta"]["total"] == 1


def test_a_wrong_token_and_another_customers_are_explained(new: Device, proxy: Proxy) -> None:
    wrong = new.cli("enroll", "--url", proxy.url, "--token", "nwx_et_nonsense")
    assert (wrong.exit_code, len(wrong.stderr.splitlines())) == (WRONG, 1)
    assert enroll(new, proxy.url).exit_code == 0
    other = new.integrator.create_organization("Other")
    elsewhere = enroll(new, proxy.url, org_id=other)
    assert (elsewhere.exit_code, len(elsewhere.stderr.splitlines())) == (LATER, 1)
    assert "another organization" in elsewhere.stderr
    assert new.cli(*ONCE).exit_code == 0


def test_what_waits_for_one_customer_never_reaches_the_next(new: Device, proxy: Proxy) -> None:
    assert enroll(new, proxy.url).exit_code == 0
    proxy.always(Fault.AWAY)
    assert new.cli(*ONCE).exit_code == LATER
    proxy.always(Fault.NONE)
    new.delete()
    other = new.integrator.create_organization("Next")
    assert enroll(new, proxy.url, org_id=other).exit_code == 0
    assert new.waiting() == 0
    assert new.cli(*ONCE).exit_code == 0
    assert new.counted() == 1


def test_plain_http_is_refused_before_a_token_is_sent(new: Device) -> None:
    refused = enroll(new, "http://partner.example.com")
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (WRONG, 1)
    assert "--allow-http" in refused.stderr


def test_a_device_that_is_not_enrolled_says_how(new: Device) -> None:
    failed = new.cli("run")
    assert (failed.exit_code, len(failed.stderr.splitlines())) == (WRONG, 1)
    assert "agent enroll" in failed.stderr
