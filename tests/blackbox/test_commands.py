"""The command line, beside a running server on the same data directory."""

import base64
import json
import time
from pathlib import Path

import pytest

from tests.blackbox.server import Integrator, Server, run_cli, wait_until


def cli_json(data_dir: Path, *arguments: str) -> object:
    done = run_cli(data_dir, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_msp_create_answers_what_scripts_need_and_list_shows_it(
    server: Server, data_dir: Path
) -> None:
    made = cli_json(data_dir, "msp", "create", "Contoso")
    assert isinstance(made, dict)
    assert list(made) == ["mspId", "name", "clientId", "clientSecret"]
    assert {"mspId": made["mspId"], "name": "Contoso"} in cli_json(data_dir, "msp", "list")  # type: ignore[operator]
    assert server.is_ready()


def test_a_disabled_credentials_tokens_die_within_five_seconds(
    integrator: Integrator, data_dir: Path
) -> None:
    integrator.get("/v1/organizations")
    assert run_cli(data_dir, "credential", "disable", integrator.msp["clientId"]).returncode == 0
    time.sleep(5)
    assert integrator.ask("/v1/organizations").status_code == 401
    assert run_cli(data_dir, "credential", "enable", integrator.msp["clientId"]).returncode == 0
    wait_until(lambda: integrator.ask("/v1/organizations").status_code == 200, 5, "enabling")


def test_a_second_credential_works_and_is_listed(integrator: Integrator, data_dir: Path) -> None:
    msp_id = integrator.msp["mspId"]
    made = cli_json(data_dir, "credential", "create", msp_id)
    assert isinstance(made, dict)
    second = Integrator(integrator.url, {**integrator.msp, **made})
    assert second.get("/v1/credentials")["clientId"] == made["clientId"]
    listed = cli_json(data_dir, "credential", "list", msp_id)
    assert isinstance(listed, list)
    assert [row["clientId"] for row in listed] == [integrator.msp["clientId"], made["clientId"]]


def test_publishing_a_release_changes_answers_at_once(
    integrator: Integrator, data_dir: Path
) -> None:
    client_id, _ = integrator.enroll(
        integrator.create_organization(), channel="blackbox", currentVersion="1.0.9"
    )
    path = f"/v1/devices/{client_id}"
    assert integrator.get(path)["data"]["isCurrentVersion"] is True
    publish = ("release", "publish", "--channel", "blackbox", "--version", "1.0.10")
    assert run_cli(data_dir, *publish).returncode == 0
    assert integrator.get(path)["data"]["isCurrentVersion"] is False
    again = run_cli(data_dir, *publish)
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)
    released = cli_json(data_dir, "release", "list")
    assert isinstance(released, list)
    assert {"channel": "blackbox", "os": None, "version": "1.0.10"}.items() <= released[0].items()


def test_webhooks_secrets_are_encrypted_with_the_first_key(
    integrator: Integrator, data_dir: Path
) -> None:
    hook = {"url": "https://hooks.example.com/", "events": ["org.created"]}
    webhook_id = integrator.post("/v1/webhooks", hook).json()["data"]["id"]
    keys = (data_dir / "secret-keys").read_text(encoding="utf-8").strip()
    ring = f"new:{base64.b64encode(bytes(32)).decode()},{keys}"
    said = [
        run_cli(data_dir, "webhooks", "reseal", PARTNER_API_SECRET_KEYS=each).stdout
        for each in (ring, ring, f"{keys},{ring.partition(',')[0]}")
    ]
    counts = [int(line.split()[-2]) for line in said]
    assert counts[0] == counts[2] >= 1
    assert counts[1] == 0
    assert integrator.get(f"/v1/webhooks/{webhook_id}")["data"]["id"] == webhook_id


def test_db_commands_tell_where_the_database_is_and_stands(server: Server, data_dir: Path) -> None:
    assert run_cli(data_dir, "db", "current").returncode == 0
    assert "partner_api:" in run_cli(data_dir, "db", "url").stdout
    assert "partner_api_owner:" in run_cli(data_dir, "db", "url", "--admin").stdout
    assert server.is_ready()


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("msp", "create", ""), "1 to 100"),
        (("credential", "list", "msp_nonsense"), "msp list"),
        (("credential", "disable", "nwx_ci_nonsense"), "credential list"),
        (("simulate", "--credentials", "missing.json"), "msp create NAME --json"),
    ],
)
def test_an_error_is_one_line_with_advice_and_exit_code_2(
    server: Server, data_dir: Path, arguments: tuple[str, ...], advice: str
) -> None:
    failed = run_cli(data_dir, *arguments)
    assert failed.returncode == 2
    assert len(failed.stderr.splitlines()) == 1
    assert advice in failed.stderr
    assert server.is_ready()


def test_an_external_database_needs_every_url_and_a_key(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    one = run_cli(tmp_path, "serve", PARTNER_API_DATABASE_URL=url)
    assert (one.returncode, "PARTNER_API_INGEST_URL" in one.stderr) == (2, True)
    keyless = run_cli(
        tmp_path,
        "serve",
        PARTNER_API_DATABASE_URL=url,
        PARTNER_API_INGEST_URL=url,
        PARTNER_API_WORKER_URL=url,
    )
    assert (keyless.returncode, "PARTNER_API_SECRET_KEYS" in keyless.stderr) == (2, True)


def test_a_misspelt_setting_is_named_and_no_refusal(server: Server, data_dir: Path) -> None:
    done = run_cli(data_dir, "msp", "list", PARTNER_API_PUBIC_URL="https://example.com")
    assert done.returncode == 0
    assert "PARTNER_API_PUBIC_URL" in done.stderr
    assert server.is_ready()


def test_secrets_are_in_no_log(integrator: Integrator, server: Server, data_dir: Path) -> None:
    written = server.output + (data_dir / "postgres.log").read_text()
    passwords = json.loads((data_dir / "database.json").read_text()).values()
    for secret in (integrator.msp["clientSecret"], integrator.token(), *passwords):
        assert secret not in written
