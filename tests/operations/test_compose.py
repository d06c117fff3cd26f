"""What is shipped for containers: commands that exist, logins that work, a wheel that is whole."""

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import pytest
import typer
import yaml
from typer.core import TyperGroup

from partner_api.cli import command_line
from partner_api.config import Databases, Settings, parse_secret_keys
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.postmaster import MOST_BUFFERS_MB, SETTINGS
from partner_api.database.revisions import newest_revision
from tests.conftest import passable_folder
from tests.operations.test_backup import client_programs_folder

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
REQUIRED = sorted(set(re.findall(r"\$\{(\w+):\?", TEXT)))
CHOSEN = {name: f"chosen{number}" for number, name in enumerate(REQUIRED)} | {
    "PARTNER_API_PUBLIC_URL": "https://partner.example.com"
}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if k not in REQUIRED}
    return subprocess.run(
        ["docker", "compose", "--file", ROOT / "docker-compose.yml", *arguments],
        capture_output=True,
        text=True,
        env={**plain, **variables},
        check=False,
    )


@pytest.fixture
def _compose_is_here() -> None:
    if shutil.which("docker") is None or compose("version").returncode != 0:
        pytest.skip("the client docker compose is not installed")


@pytest.mark.usefixtures("_compose_is_here")
def test_compose_reads_the_file_and_fills_it_in() -> None:
    done = compose("config", "--format", "json", **CHOSEN)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)["services"]
    assert set(read) == {"db", "migrate", "api", "worker"}
    assert {port["host_ip"] for port in read["api"]["ports"]} == {"127.0.0.1"}
    password = CHOSEN["INGEST_PASSWORD"]
    assert f":{password}@db" in read["worker"]["environment"]["PARTNER_API_INGEST_URL"]


@pytest.mark.usefixtures("_compose_is_here")
@pytest.mark.parametrize("name", REQUIRED)
def test_compose_names_the_variable_that_is_not_set(name: str) -> None:
    done = compose("config", **{k: v for k, v in CHOSEN.items() if k != name})
    assert done.returncode != 0
    assert name in done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the recipe draws with openssl")
def test_the_recipe_in_the_documentation_sets_every_variable(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "production.md").read_text()
    recipe = page.partition("    umask 077\n")[2].partition("    docker compose up")[0]
    subprocess.run(["bash", "-euc", f"umask 077\n{recipe}"], cwd=tmp_path, check=True)
    file = tmp_path / ".env"
    chosen = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert sorted(chosen) == REQUIRED
    assert len({each for each in chosen.values() if len(each) >= 32}) == len(REQUIRED) - 1
    assert len(parse_secret_keys(chosen["PARTNER_API_SECRET_KEYS"])) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_the_program_has(name: str) -> None:
    parse_command(OURS[name]["command"])


def test_the_images_own_command_is_one_the_program_has() -> None:
    found = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    parse_command(json.loads(found[1]))


def parse_command(command: list[str]) -> None:
    """As the program would parse it, which raises for what it does not know."""
    program, *arguments = command
    assert program == "partner-api"
    parsed = typer.main.get_command(command_line())
    while isinstance(parsed, TyperGroup):
        found = parsed.commands.get(arguments[0])
        assert found is not None, arguments
        parsed, arguments = found, arguments[1:]
    parsed.make_context("partner-api", list(arguments))


@pytest.mark.parametrize("wrong", [["serv"], ["serve", "--hosts"], ["db", "grade"]])
def test_a_command_that_is_none_would_be_noticed(wrong: list[str]) -> None:
    with pytest.raises(Exception, match=r"serv|hosts|grade"):
        parse_command(["partner-api", *wrong])


def test_every_setting_named_exists() -> None:
    known = {f"PARTNER_API_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"PARTNER_API_[A-Z_]+", TEXT + DOCKERFILE))
    assert named
    assert named <= known


def test_the_owners_login_is_the_migrations_alone() -> None:
    with_owner = [name for name, each in OURS.items() if "OWNER" in str(each["environment"])]
    assert with_owner == ["migrate"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_no_more_than_they_must(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service


def test_servers_wait_for_the_migration_and_are_kept_alive() -> None:
    for name in ("api", "worker"):
        assert SERVICES[name]["depends_on"] == {
            "db": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
        assert SERVICES[name]["restart"] == "unless-stopped"


def test_the_database_is_set_as_the_embedded_one() -> None:
    chosen = dict(part[2:].split("=") for part in SERVICES["db"]["command"][1:])
    assert len(chosen) >= 4
    assert chosen.pop("shared_buffers") == f"{MOST_BUFFERS_MB}MB"
    assert {name: SETTINGS[name] for name in chosen} == chosen


class Answer(BaseHTTPRequestHandler):
    """Answers as /readyz would."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "is_healthy"), [(200, True), (503, False)])
def test_the_health_check_tells_ready_from_not(
    port: int, status: int, is_healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answer, "status", status)
    kind, program, *arguments = SERVICES["api"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    asked = [argument.replace(":8000", f":{port}") for argument in arguments]
    done = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
    assert (done.returncode == 0) == is_healthy


@pytest.fixture(scope="module")
def composed() -> Iterator[Databases]:
    """A PostgreSQL prepared as the image prepares its volume, reached by the file's logins."""
    with passable_folder() as folder:
        cluster = EmbeddedCluster(folder / "data")
        with cluster.join():
            asyncio.run(forget_the_owner(cluster.admin_url))
            prepare_volume(cluster.admin_url)
            yield composed_databases(urlsplit(cluster.admin_url).query)


async def forget_the_owner(admin_url: str) -> None:
    admin = await asyncpg.connect(admin_url)
    await admin.execute("drop database partner_api")
    await admin.execute("drop role partner_api_owner")
    await admin.close()


def prepare_volume(admin_url: str) -> None:
    """Run the script of the file as the image's entry point does."""
    admin = urlsplit(admin_url)
    done = subprocess.run(
        ["bash", "-euc", COMPOSE["configs"]["make-owner"]["content"].replace("$$", "$")],
        env={
            "PATH": f"{client_programs_folder()}:{os.environ['PATH']}",
            "PGHOST": unquote(dict(part.split("=") for part in admin.query.split("&"))["host"]),
            "PGPASSWORD": admin.password or "",
            "OWNER_PASSWORD": CHOSEN["OWNER_PASSWORD"],
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def composed_databases(query: str) -> Databases:
    def url(name: str) -> str:
        text: str = SERVICES["migrate"]["environment"][f"PARTNER_API_{name}_URL"]
        filled = re.sub(r"\$\{(\w+):[^}]*\}", lambda found: CHOSEN[found[1]], text)
        return filled.replace("@db:5432/", "@/") + f"?{query}"

    return Databases(url("DATABASE"), url("INGEST"), url("WORKER"), url("OWNER"))


def test_the_image_runs_as_an_ordinary_user_on_a_named_version() -> None:
    lines = DOCKERFILE.splitlines()
    assert {line.split()[1] for line in lines if line.startswith("FROM")} == {"python:3.11-slim"}
    last_stage = DOCKERFILE.rpartition("\nFROM")[2]
    assert "\nUSER partner-api\n" in last_stage
    assert "--require-hashes" in DOCKERFILE


def test_what_the_image_copies_is_let_through() -> None:
    copied = [
        part
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY") and "--from" not in line
        for part in line.split()[1:-1]
    ]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{part}" for part in copied} <= set(allowed)
    assert all((ROOT / part).exists() for part in copied)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as the image builds it, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", *options, "--wheel-dir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_every_migration_and_sql_file(unpacked: Path) -> None:
    shipped = {path.name for path in (unpacked / "partner_api/migrations/versions").glob("*.py")}
    assert shipped == {path.name for path in (ROOT / "migrations/versions").glob("*.py")}
    sources = ROOT / "src"
    for path in (sources / "partner_api").rglob("*.sql"):
        assert (unpacked / path.relative_to(sources)).exists(), path


async def test_the_wheel_alone_migrates_the_volume_with_the_logins_of_the_file(
    unpacked: Path, composed: Databases, tmp_path: Path
) -> None:
    assert run(unpacked, tmp_path, composed, "db", "current").returncode == 1
    upgraded = run(unpacked, tmp_path, composed, "db", "upgrade")
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    stands = run(unpacked, tmp_path, composed, "db", "current")
    assert (stands.returncode, stands.stdout.strip()) == (0, newest_revision())
    for url in (composed.api, composed.ingest, composed.worker, composed.require_owner()):
        connection = await asyncpg.connect(url)
        me = "select rolsuper from pg_roles where rolname = current_user"
        assert await connection.fetchval(me) is False
        await connection.close()


def run(
    unpacked: Path, folder: Path, databases: Databases, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """The program by an interpreter that knows the wheel and its dependencies, and no checkout."""
    dependencies = Path(pytest.__file__).parents[1]
    return subprocess.run(
        [sys._base_executable, "-m", "partner_api", *arguments],  # type: ignore[attr-defined]
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{unpacked}:{dependencies}",
            "PARTNER_API_DATABASE_URL": databases.api,
            "PARTNER_API_INGEST_URL": databases.ingest,
            "PARTNER_API_WORKER_URL": databases.worker,
            "PARTNER_API_OWNER_URL": databases.require_owner(),
        },
        capture_output=True,
        text=True,
        check=False,
    )
