"""The doctor finds what is really broken, and only that."""

import asyncio
import base64
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from partner_api.config import Databases, Settings
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.migrations import upgrade
from partner_api.database.revisions import newest_revision
from partner_api.operations.doctor import database as database_checks
from partner_api.operations.doctor.examine import diagnose, examine
from partner_api.operations.doctor.findings import Finding, Level, has_failed, render
from partner_api.operations.doctor.machine import examine_machine
from tests.conftest import passable_folder

GOOD_KEY = "k1:" + base64.b64encode(bytes(range(32))).decode()


@dataclass(frozen=True)
class Patient:
    """A migrated embedded database with nothing wrong."""

    settings: Settings
    databases: Databases
    admin_url: str

    async def findings(self) -> Sequence[Finding]:
        return await examine(self.settings, self.databases)


@pytest.fixture(scope="module")
def patient() -> Iterator[Patient]:
    with passable_folder() as folder:
        settings = Settings(data_dir=folder / "data", public_url="https://partner.example.com")
        cluster = EmbeddedCluster(settings.data_dir)
        with cluster.join() as databases:
            asyncio.run(upgrade(databases, datetime.now(UTC)))
            admin_url = cluster.admin_url.replace("/postgres?", "/partner_api?")
            yield Patient(settings, databases, admin_url)


@asynccontextmanager
async def broken(patient: Patient, breaking: str, mending: str) -> AsyncIterator[None]:
    """The database while something is wrong with it."""
    admin = await asyncpg.connect(patient.admin_url)
    await admin.execute(breaking)
    try:
        yield
    finally:
        await admin.execute(mending)
        await admin.close()


def complaints(findings: Sequence[Finding]) -> dict[str, str]:
    """What is not well, by subject."""
    return {each.subject: each.text for each in findings if each.level is not Level.OK}


async def test_a_healthy_server_gets_a_clean_bill(patient: Patient) -> None:
    findings = await patient.findings()
    assert complaints(findings) == {}
    assert not has_failed(findings)
    assert [each.subject for each in findings] == [
        "login of api",
        "login of ingest",
        "login of worker",
        "login of owner",
        "version",
        "migrations",
        "row security",
        "log partitions",
        "clock",
        "disk",
        "file modes",
        "public address",
        "secret keys",
    ]


TOMORROW = f"logs_{datetime.now(UTC) + timedelta(days=1):%Y%m%d}"

BREAKAGES = [
    (
        "alter role partner_api superuser",
        "alter role partner_api nosuperuser",
        "login of api",
        "is a superuser",
    ),
    (
        "alter role partner_api_ingest nologin",
        "alter role partner_api_ingest login",
        "login of ingest",
        "not permitted to log in; db upgrade",
    ),
    (
        "grant fleet_api to partner_api_worker",
        "revoke fleet_api from partner_api_worker",
        "login of worker",
        "is a member of roles it must not have",
    ),
    (
        "alter role partner_api_owner nocreaterole",
        "alter role partner_api_owner createrole",
        "login of owner",
        "CREATEROLE",
    ),
    (
        "alter table devices no force row level security",
        "alter table devices force row level security",
        "row security",
        "off on devices",
    ),
    (
        "alter table logs disable row level security",
        "alter table logs enable row level security",
        "row security",
        "off on logs",
    ),
    (
        "update alembic_version set version_num = '0001_msps'",
        f"update alembic_version set version_num = '{newest_revision()}'",
        "migrations",
        "run: partner-api db upgrade",
    ),
    (
        f"alter table {TOMORROW} rename to aside",
        f"alter table aside rename to {TOMORROW}",
        "log partitions",
        "see that a worker runs",
    ),
]


@pytest.mark.parametrize(("breaking", "mending", "subject", "advice"), BREAKAGES)
async def test_each_breakage_is_the_one_failure(
    patient: Patient, breaking: str, mending: str, subject: str, advice: str
) -> None:
    async with broken(patient, breaking, mending):
        findings = await patient.findings()
    failed = complaints(findings)
    assert list(failed) == [subject]
    assert advice in failed[subject]
    assert has_failed(findings)
    assert complaints(await patient.findings()) == {}


@dataclass(frozen=True)
class WrongClock:
    """A machine whose time is off."""

    by: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, Level.OK), (2, Level.WARN), (-2, Level.WARN), (31, Level.FAIL), (-31, Level.FAIL)],
)
async def test_a_wrong_clock_is_measured(patient: Patient, seconds: int, level: Level) -> None:
    clock = WrongClock(timedelta(seconds=seconds))
    findings = await examine(patient.settings, patient.databases, clock)
    (found,) = [each for each in findings if each.subject == "clock"]
    assert found.level is level
    assert f"{abs(seconds)}.0 s apart" in found.text


async def test_an_old_postgresql_is_named(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_checks, "MINIMUM_VERSION", 99)
    failed = complaints(await patient.findings())
    assert "PostgreSQL 18" in failed["version"]
    assert "move to 99 or newer" in failed["version"]


async def test_a_database_that_is_away_is_reported_and_the_rest_is_looked_at(
    patient: Patient,
) -> None:
    nowhere = "postgresql://nobody:secret@127.0.0.1:1/nothing"
    away = Patient(patient.settings, Databases(nowhere, nowhere, nowhere, None), "")
    findings = await away.findings()
    failed = complaints(findings)
    assert {"login of api", "login of ingest", "login of worker", "database"} == set(failed)
    assert "host and port" in failed["login of api"]
    assert "secret keys" in [each.subject for each in findings]
    assert "secret@" not in "".join(render(findings))


def test_an_embedded_database_that_does_not_start_is_reported(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    findings = diagnose(Settings(data_dir=tmp_path))
    assert findings[0].level is Level.FAIL
    assert "was made by PostgreSQL 17" in findings[0].text
    assert {"disk", "file modes", "public address"} <= {each.subject for each in findings}


def test_the_whole_examination_starts_the_database_it_needs(patient: Patient) -> None:
    assert not has_failed(diagnose(patient.settings))


@pytest.mark.parametrize("name", ["database.json", "secret-keys", "demo.json"])
def test_secrets_that_others_may_read_are_named(patient: Patient, name: str) -> None:
    file = patient.settings.data_dir / name
    is_ours = not file.exists()
    if is_ours:
        file.write_text(GOOD_KEY)
    file.chmod(0o640)
    try:
        failed = complaints(examine_machine(patient.settings))
        assert failed["file modes"].endswith(f"chmod 600 {file}")
    finally:
        file.chmod(0o600)
        if is_ours:
            file.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("a file system of one megabyte can be mounted by root only")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize(
    ("pages_free", "level"), [(30, Level.OK), (24, Level.WARN), (6, Level.WARN), (5, Level.FAIL)]
)
def test_a_full_disk_is_seen_coming(small_disk: Path, pages_free: int, level: Level) -> None:
    free = shutil.disk_usage(small_disk).free
    (small_disk / "filling").write_bytes(b"x" * (free - pages_free * 4096))
    findings = examine_machine(Settings(data_dir=small_disk))
    (disk,) = [each for each in findings if each.subject == "disk"]
    assert disk.level is level, disk.text


@pytest.mark.parametrize(
    ("address", "advice"),
    [(None, "PARTNER_API_PUBLIC_URL is not set"), ("http://p.example.com", "is not https")],
)
def test_an_address_without_tls_is_a_warning(address: str | None, advice: str) -> None:
    findings = examine_machine(Settings(data_dir=Path("absent"), public_url=address))
    assert advice in complaints(findings)["public address"]
    assert not has_failed(findings)


def external(keys: str | None) -> Settings:
    settings = Settings(database_url=SecretStr("postgresql://api@db/fleet"))
    return settings.model_copy(update={"secret_keys": SecretStr(keys) if keys else None})


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        (None, "PARTNER_API_SECRET_KEYS is not set"),
        ("k1:c2hvcnQ=", "at least 32 random bytes"),
        (f"{GOOD_KEY},k2:{base64.b64encode(b'secret' * 6).decode()}", "k2 is not random"),
    ],
)
def test_keys_that_protect_nothing_are_failures(keys: str | None, advice: str) -> None:
    assert advice in complaints(examine_machine(external(keys)))["secret keys"]


def test_good_keys_are_counted_and_not_shown() -> None:
    lines = list(render(examine_machine(external(f"{GOOD_KEY},k0:{GOOD_KEY[3:]}"))))
    assert lines[-1] == "ok    secret keys     k1 signs, 2 verify"
    assert GOOD_KEY[3:] not in "".join(lines)


def test_each_finding_is_one_line_in_columns() -> None:
    findings = [Finding(Level.OK, "a", "well"), Finding(Level.FAIL, "abc", "two\nlines")]
    assert list(render(findings)) == ["ok    a    well", "FAIL  abc  two lines"]
