"""Backups: everything comes back, by whoever restores it, or the database stays as it was."""

import asyncio
import shutil
import stat
import subprocess
import tarfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from alembic import command
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.app import create_app, open_services
from partner_api.config import Databases, Settings
from partner_api.database import alembic_commands, migrations
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.partitions import maintain_partitions
from partner_api.database.revisions import newest_revision
from partner_api.kernel.errors import Conflict, Invalid, Misconfigured, PartnerApiError
from partner_api.operations.backup import programs as client_programs
from partner_api.operations.backup.create import backup
from partner_api.operations.backup.programs import Programs, find_programs
from partner_api.operations.backup.restore import restore
from tests.clock import StoppedClock
from tests.conftest import RING, passable_folder
from tests.factories.tenants import Agent, create_tenant
from tests.logs.test_logs import line, texts

OWNER = "partner_api_owner"
USER = "Zoë O'Neill \\N \\. $$;"


def silently(_line: str) -> None:
    """Announce nothing."""


@dataclass
class Saved:
    """An archive, and the device and its MSP that are in it."""

    file: Path
    agent: Agent
    secrets: list[str]


@pytest.fixture(scope="module")
async def original(
    databases: Databases, owner: AsyncEngine, http: httpx.AsyncClient, session_clock: StoppedClock
) -> AsyncIterator[Saved]:
    clock = session_clock
    other = await create_tenant(owner, http, clock, "Other MSP")
    tenant = await create_tenant(owner, http, clock, "Saved MSP")
    agent = await tenant.enroll(await tenant.create_organization())
    enrollment = await tenant.create_enrollment_token(agent.org_id)
    await agent.check_in(currentVersion="2.0.0", userName=USER)
    lines = [line("yesterday\n\\.", at=clock.now() - timedelta(days=1)), line("today")]
    assert (await agent.post_logs(lines)).status_code == 202
    secrets = [tenant.client_secret, other.client_secret, agent.token, enrollment]
    with passable_folder() as folder:
        await backup(databases, folder / "fleet.tar", clock.now(), silently)
        yield Saved(folder / "fleet.tar", agent, secrets)


@pytest.fixture
def saved(original: Saved, tmp_path: Path) -> Saved:
    """With a file of the test's own to spoil."""
    return replace(original, file=Path(shutil.copy2(original.file, tmp_path)))


@pytest.fixture
async def empty(cluster: EmbeddedCluster, databases: Databases) -> AsyncIterator[Databases]:
    """Another database of the same owner, never migrated."""
    admin = await asyncpg.connect(cluster.admin_url)
    await admin.execute(f"create database another owner {OWNER}")
    yield on_database(databases, "another")
    await admin.execute("drop database another with (force)")
    await admin.close()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Databases]:
    """Another PostgreSQL, where the owner has another name and nobody has heard of ours."""
    with passable_folder() as folder:
        cluster = EmbeddedCluster(folder / "data")
        with cluster.join() as databases:
            rename = execute(cluster.admin_url, f"alter role {OWNER} rename to operator")
            in_thread(rename)
            owner = databases.require_owner().replace(OWNER, "operator")
            yield replace(databases, owner=owner)


def on_database(databases: Databases, name: str) -> Databases:
    def moved(url: str) -> str:
        return url.replace("@/partner_api?", f"@/{name}?")

    owner = moved(databases.require_owner())
    return Databases(moved(databases.api), moved(databases.ingest), moved(databases.worker), owner)


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Do it now, where an event loop runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def column(url: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


_TABLES = """
    select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"""

# What makes the walls, in an order of its own: policies, rights, owners, forced security.
_WALLS = (
    """select tablename, policyname, permissive, roles::text[], cmd, qual, with_check
         from pg_policies order by 1, 2""",
    """select c.relname, a.attname, acl.grantee::regrole::text, acl.privilege_type
         from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attacl is not null,
              aclexplode(coalesce(a.attacl, c.relacl)) acl
        where c.relnamespace = 'public'::regnamespace order by 1, 2, 3, 4""",
    """select p.oid::regprocedure::text, p.proowner::regrole::text, p.prosecdef, p.proconfig,
              acl.grantee::regrole::text, acl.privilege_type
         from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
        where p.pronamespace = 'public'::regnamespace order by 1, 5, 6""",
    """select relname, relowner::regrole::text, relrowsecurity, relforcerowsecurity, relispartition
         from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1""",
    """select acl.grantee::regrole::text, acl.privilege_type
         from pg_namespace n, aclexplode(n.nspacl) acl
        where n.nspname = 'public' order by 1, 2""",
    "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    """select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace order by 1, 2""",
)


async def everything(url: str) -> dict[str, list[Any]]:
    """Every row of every table as text."""
    names = [name for (name,) in await column(url, _TABLES)]
    assert len([name for name in names if name.startswith("logs_")]) > 30
    return {
        name: await column(url, f"select t::text from public.{name} t order by 1") for name in names
    }


async def walls(url: str, owner: str) -> list[str]:
    """Who may do what, with the owner under one name whatever it is called there."""
    return [repr(await column(url, query)).replace(owner, "OWNER") for query in _WALLS]


@asynccontextmanager
async def served(databases: Databases, clock: StoppedClock) -> AsyncIterator[httpx.AsyncClient]:
    async with open_services(Settings(), databases, RING, clock) as services:
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://p.test") as client:
            yield client


async def assert_the_fleet_lives(databases: Databases, saved: Saved, clock: StoppedClock) -> None:
    """Old secrets are good, old rows are read, and devices go on where they were."""
    async with served(databases, clock) as http:
        tenant = replace(saved.agent.tenant, http=http)
        agent = replace(saved.agent, tenant=tenant)
        assert (await tenant.request_token()).status_code == 200
        assert (await agent.read())["userName"] == USER
        clock.advance(minutes=1)
        await agent.check_in(currentVersion="2.0.1")
        assert (await agent.read())["currentVersion"] == "2.0.1"
        await agent.post_logs([line("after")])
        logs = await tenant.get(f"/v1/devices/{agent.client_id}/logs")
        assert sorted(texts(logs.json()["data"])) == ["after", "today", "yesterday\n\\."]


async def test_an_empty_database_becomes_the_one_that_was_saved(
    saved: Saved, databases: Databases, empty: Databases, clock: StoppedClock
) -> None:
    here, there = databases.require_owner(), empty.require_owner()
    await restore(empty, saved.file, clock.now(), silently)
    assert await everything(there) == await everything(here)
    assert await walls(there, OWNER) == await walls(here, OWNER)
    await assert_the_fleet_lives(empty, saved, clock)


async def test_another_owner_on_another_postgresql_restores_it_as_its_own(
    saved: Saved, databases: Databases, elsewhere: Databases, clock: StoppedClock
) -> None:
    here, there = databases.require_owner(), elsewhere.require_owner()
    await restore(elsewhere, saved.file, clock.now(), silently, replace=True)
    assert await everything(there) == await everything(here)
    assert await walls(there, "operator") == await walls(here, OWNER)
    roles = await column(there, "select rolname from pg_roles")
    assert (OWNER,) not in roles
    await assert_the_fleet_lives(elsewhere, saved, clock)
    again = saved.file.with_name("again.tar")
    await backup(elsewhere, again, clock.now(), silently)
    assert manifest_of(again)["owner"] == "operator"


async def test_what_was_there_goes_only_when_told_so(
    saved: Saved, empty: Databases, clock: StoppedClock
) -> None:
    owner = empty.require_owner()
    await restore(empty, saved.file, clock.now(), silently)
    before = await everything(owner)
    await execute(owner, "insert into releases values ('stable', '', '9', '9', '2026-01-01')")
    await execute(owner, "create table made_by_a_later_version (id int)")
    with pytest.raises(Conflict, match="releases"):
        await restore(empty, saved.file, clock.now(), silently)
    assert ("9",) in await column(owner, "select version from releases")
    await restore(empty, saved.file, clock.now(), silently, replace=True)
    assert await everything(owner) == before


def test_the_archive_holds_hashes_and_no_secret(saved: Saved, tmp_path: Path) -> None:
    with tarfile.open(saved.file) as tar:
        tar.extractall(tmp_path, filter="data")
    script = subprocess.run(
        [client_programs_folder() / "pg_restore", "--file=-", tmp_path / "database.dump"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert saved.agent.tenant.client_id in script
    for secret in saved.secrets:
        assert len(secret) > 40
        for part in (secret, secret[-30:], secret.encode().hex()):
            assert part not in script


async def test_an_older_archive_is_brought_up_to_date(
    empty: Databases, clock: StoppedClock, tmp_path: Path
) -> None:
    owner, file = empty.require_owner(), tmp_path / "older.tar"
    older = "0011_secret_overlap"
    await asyncio.to_thread(command.upgrade, alembic_commands.config(owner), older)
    await backup(empty, file, clock.now(), silently)
    assert manifest_of(file)["revision"] == older
    await restore(empty, file, clock.now(), silently)
    assert await migrations.current(owner) == newest_revision()


async def test_the_manifest_tells_what_is_in_it(saved: Saved, clock: StoppedClock) -> None:
    manifest = manifest_of(saved.file)
    assert manifest["revision"] == newest_revision()
    assert manifest["createdAt"] == clock.now().isoformat().replace("+00:00", "Z")
    assert manifest["rows"]["msps"] >= 2
    assert manifest["rows"][f"logs_{clock.now():%Y%m%d}"] >= 1
    assert manifest["rows"][f"logs_{clock.now() - timedelta(days=1):%Y%m%d}"] >= 1


def test_the_file_is_its_writers_alone_and_the_only_one(original: Saved) -> None:
    assert stat.S_IMODE(original.file.stat().st_mode) == 0o600
    assert files(original.file.parent) == [original.file]


async def test_what_comes_in_meanwhile_is_left_out_as_a_whole(
    databases: Databases, saved: Saved, clock: StoppedClock
) -> None:
    release = "insert into releases values ('meanwhile', '', '1', '1', '2026-01-01')"

    def meddle(said: str) -> None:
        if said.startswith("Writing"):
            in_thread(execute(databases.require_owner(), release))

    before = manifest_of(saved.file)["rows"]
    await backup(databases, saved.file, clock.now(), meddle)
    assert manifest_of(saved.file)["rows"] == before
    await execute(databases.require_owner(), "delete from releases where channel = 'meanwhile'")


async def test_old_partitions_are_not_dropped_while_they_are_read(
    databases: Databases, saved: Saved, clock: StoppedClock
) -> None:
    """And whoever waits to drop one keeps nobody from writing."""
    waiting = []

    async def maintain() -> None:
        worker = await asyncpg.connect(databases.worker)
        await worker.execute("set lock_timeout = '200ms'")
        try:
            await maintain_partitions(worker, clock.now() + timedelta(days=3))
        except asyncpg.LockNotAvailableError as error:
            waiting.append(str(error.context))
        await worker.close()

    def meddle(said: str) -> None:
        if said.startswith("Writing"):
            in_thread(maintain())

    await backup(databases, saved.file, clock.now(), meddle)
    assert waiting
    assert "pg_advisory_xact_lock" in waiting[0]


async def test_a_backup_that_fails_leaves_the_last_one(
    databases: Databases, saved: Saved, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.file.read_bytes()
    monkeypatch.setattr(Programs, "database", "--dbname=postgresql://nobody@/nothing?host=/nowhere")
    with pytest.raises(Conflict, match="/nowhere"):
        await backup(databases, saved.file, clock.now(), silently)
    assert saved.file.read_bytes() == before
    assert files(saved.file.parent) == [saved.file]


async def test_rows_the_owner_cannot_see_are_no_backup(
    saved: Saved, empty: Databases, clock: StoppedClock
) -> None:
    await restore(empty, saved.file, clock.now(), silently)
    await execute(empty.require_owner(), "drop policy owner on devices")
    with pytest.raises(Misconfigured, match="hides rows of devices from"):
        await backup(empty, saved.file.with_name("hidden.tar"), clock.now(), silently)


async def test_a_database_never_migrated_is_no_backup(
    empty: Databases, clock: StoppedClock, tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match="never migrated"):
        await backup(empty, tmp_path / "nothing.tar", clock.now(), silently)
    assert files(tmp_path) == []


def flip_a_bit(content: bytes) -> bytes:
    return content[:20_000] + bytes([content[20_000] ^ 1]) + content[20_001:]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_a_bit, "damaged"),
        (lambda content: content[:20_000], "whole"),
        (lambda content: content[:100], "whole"),
        (lambda _: b"", "whole"),
        (lambda _: b"PGDMP" + b"x" * 5000, "whole"),
    ],
)
async def test_a_damaged_archive_is_refused_before_anything_is_touched(
    saved: Saved,
    empty: Databases,
    clock: StoppedClock,
    damage: Callable[[bytes], bytes],
    reason: str,
) -> None:
    saved.file.write_bytes(damage(saved.file.read_bytes()))
    with pytest.raises(Invalid, match=reason):
        await restore(empty, saved.file, clock.now(), silently, replace=True)
    assert await column(empty.require_owner(), _TABLES) == []


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"rows": {"msps": 10**6}}, "table msps has"),
        ({"rows": {"nothings": 0}}, "nothings"),
        ({"revision": "0001_msps"}, "stands at revision"),
        ({"revision": "9999_later"}, "9999_later"),
        ({"owner": "fleet_api"}, "fleet_api"),
    ],
)
async def test_a_restore_that_fails_changes_nothing(
    saved: Saved, empty: Databases, clock: StoppedClock, lie: dict[str, Any], reason: str
) -> None:
    owner = empty.require_owner()
    await restore(empty, saved.file, clock.now(), silently)
    await execute(owner, "insert into releases values ('mine', '', '9', '9', '2026-01-01')")
    before, stood = await everything(owner), await walls(owner, OWNER)
    tell(saved.file, lie)
    with pytest.raises(PartnerApiError, match=reason):
        await restore(empty, saved.file, clock.now(), silently, replace=True)
    assert await everything(owner) == before
    assert await walls(owner, OWNER) == stood


def tell(archive: Path, lie: dict[str, Any]) -> None:
    """Put something untrue into the manifest."""
    with tarfile.open(archive) as tar:
        dump = tar.extractfile("database.dump")
        assert dump is not None
        parts = {"manifest.json": msgspec.json.encode({**manifest_of(archive), **lie})}
        parts["database.dump"] = dump.read()
    with tarfile.open(archive, "w") as tar:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, BytesIO(content))


def manifest_of(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        manifest: dict[str, Any] = msgspec.json.decode(member.read())
        return manifest


def client_programs_folder() -> Path:
    (folder,) = client_programs._bundled()
    return folder


async def test_programs_that_are_too_old_are_refused_with_what_to_install(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    url = databases.require_owner()
    owner = await asyncpg.connect(url)
    assert (await find_programs(owner, url)).folder == client_programs_folder()
    monkeypatch.setattr(client_programs, "_bundled", lambda: iter(()))
    with pytest.raises(Misconfigured, match=f"18 or newer .* found: 15 in {tmp_path}"):
        await find_programs(owner, url)
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 19beta1'\n")
    assert (await find_programs(owner, url)).folder == tmp_path
    await owner.close()


@pytest.mark.parametrize(
    ("url", "argument"),
    [
        ("postgresql://o:p%40%2F@db:5432/fleet?sslmode=require", "o@db:5432/fleet?sslmode=require"),
        ("postgresql://o:p%40%2F@/fleet?host=/run/x&port=5432", "o@/fleet?host=/run/x&port=5432"),
    ],
)
def test_the_password_is_not_in_the_command_line(url: str, argument: str) -> None:
    programs = Programs(Path("/usr/bin"), url)
    assert programs.database == f"--dbname=postgresql://{argument}"
    assert programs.environment["PGPASSWORD"] == "p@/"
