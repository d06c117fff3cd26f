"""A PostgreSQL of the operator's own, reached by four logins that the URLs name."""

import asyncio
import base64
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from partner_api.database.cluster import EmbeddedCluster
from tests.blackbox.server import COMMAND, clean_environment, free_port, run_cli, wait_until
from tests.conftest import passable_folder

UNUSED = Path("never-made")
PASSWORD = "a:b@c/d?e#f"  # everything a URL must quote
QUOTED = "a%3Ab%40c%2Fd%3Fe%23f"


@pytest.fixture(scope="module")
def external() -> Iterator[dict[str, str]]:
    """A database and its owner, as an operator makes them, and every setting for it."""
    with passable_folder() as folder:
        cluster = EmbeddedCluster(folder / "data")
        with cluster.join():
            asyncio.run(make_database(cluster.admin_url))
            tail = "/fleet?" + cluster.admin_url.partition("?")[2]
            key = base64.b64encode(os.urandom(32)).decode()
            yield {
                "PARTNER_API_DATABASE_URL": f"postgresql://app:{QUOTED}@{tail}",
                "PARTNER_API_INGEST_URL": f"postgresql://app_ingest:{QUOTED}@{tail}",
                "PARTNER_API_WORKER_URL": f"postgresql://app_worker:{QUOTED}@{tail}",
                "PARTNER_API_OWNER_URL": f"postgresql://operator:{QUOTED}@{tail}",
                "PARTNER_API_SECRET_KEYS": f"k1:{key}",
            }


async def make_database(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url)
    await connection.execute(f"create role operator login createrole password '{PASSWORD}'")
    await connection.execute("create database fleet owner operator")
    await connection.close()


def cli(settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_cli(UNUSED, *arguments, **settings)


def test_serving_waits_for_the_operators_migration(external: dict[str, str]) -> None:
    assert cli(external, "db", "current").returncode == 1
    assert cli(external, "db", "upgrade").returncode == 0
    assert cli(external, "db", "upgrade").returncode == 0
    assert cli(external, "db", "current").stdout.strip() != ""

    port = free_port()
    without_owner = {k: v for k, v in external.items() if k != "PARTNER_API_OWNER_URL"}
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        env=clean_environment(**without_owner),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: status(port) == 200, 30, "readiness")
        made = cli(external, "msp", "create", "External", "--json")
        assert made.returncode == 0, made.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(15) == 0
    assert not UNUSED.exists()


def test_administration_without_the_owner_says_what_to_set(external: dict[str, str]) -> None:
    refused = cli({**external, "PARTNER_API_OWNER_URL": ""}, "msp", "list")
    assert refused.returncode == 2
    assert "PARTNER_API_OWNER_URL" in refused.stderr


def test_one_login_for_two_roles_is_refused(external: dict[str, str]) -> None:
    shared = {**external, "PARTNER_API_INGEST_URL": external["PARTNER_API_DATABASE_URL"]}
    refused = cli(shared, "db", "upgrade")
    assert (refused.returncode, "a user name each" in refused.stderr) == (2, True)


def status(port: int) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code
    except httpx.TransportError:
        return 0
