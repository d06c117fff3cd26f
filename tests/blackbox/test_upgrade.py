"""One release follows another while devices and integrators go on."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path

import httpx
import pytest

from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.cluster_secrets import DATABASE
from partner_api.database.revisions import newest_revision
from partner_api.operations.administration import NewMsp
from tests.blackbox.operators_postgres import (
    OperatorsPostgres,
    count_migrations,
    operators_postgres,
)
from tests.blackbox.releases import (
    MIGRATION_SECONDS,
    NEXT_REVISION,
    THIS_CODE,
    Release,
    install,
    make_next_release,
    prepare,
)
from tests.blackbox.server import Integrator, Server, wait_until
from tests.blackbox.traffic import Traffic
from tests.conftest import passable_folder

REVISION = "select version_num from alembic_version"
IS_MIGRATING = """
select exists (select from pg_stat_activity
               where datname = current_database() and state = 'active' and wait_event = 'PgSleep')
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with passable_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[OperatorsPostgres]:
    with operators_postgres(folder) as postgres:
        yield postgres


@pytest.fixture(scope="module")
def next_code(folder: Path) -> Path:
    code = install(folder / "next")
    make_next_release(code)
    return code


def test_two_upgrades_and_two_servers_started_at_once_migrate_once(
    postgres: OperatorsPostgres, folder: Path, next_code: Path
) -> None:
    release = Release(next_code, postgres.create_database("at_once"), folder / "at-once")
    # So slow that the second upgrade comes while the first one migrates.
    upgrades = [release.begin("db", "upgrade", **{MIGRATION_SECONDS: "1"}) for _ in range(2)]
    with serving(release.server("--no-worker"), release.server("--no-worker")):
        assert [upgrade.wait(30) for upgrade in upgrades] == [0, 0]
    assert count_migrations(postgres.admin_url, "at_once") == count_files(next_code)


def test_two_servers_started_at_once_on_one_data_directory_migrate_it_once(
    folder: Path, next_code: Path
) -> None:
    release, slowly = Release(next_code, {}, folder / "embedded"), {MIGRATION_SECONDS: "1"}
    first, second = (release.server("--no-worker", **slowly) for _ in range(2))
    with serving(first, second):
        admin_url = EmbeddedCluster(release.data_dir).admin_url
        assert count_migrations(admin_url, DATABASE) == count_files(next_code)


def test_old_and_new_servers_serve_side_by_side_while_the_schema_is_upgraded(
    postgres: OperatorsPostgres, folder: Path, next_code: Path
) -> None:
    settings = postgres.create_database("side_by_side")
    old = Release(THIS_CODE, settings, folder / "old")
    new = Release(next_code, settings, folder / "new")
    assert old.package() == THIS_CODE / "partner_api"
    assert new.package() == next_code / "partner_api"
    msp = prepare(settings)

    through_old, through_new = old.server("--no-worker"), new.server("--no-worker")
    with serving(through_old), ending(through_new):
        integrator = integrator_of(msp, through_old)
        before = Traffic(integrator)
        with before.going():
            before.await_answers(1)
            with refusing(through_new):
                # For half a second every request waits for the migration's locks.
                upgraded = new.begin("db", "upgrade", **{MIGRATION_SECONDS: "0.5"})
                assert upgraded.wait(30) == 0
        # Enrolls devices through the new server, with the token that the old one signed.
        after = Traffic(at(through_new, integrator))
        with after.going():
            # A machine that is not upgraded yet may run both of its commands again.
            again = old.begin("db", "upgrade")
            with before.going():
                before.await_answers(3)
                after.await_answers(3)
                integrator.enroll(integrator.create_organization("Late Customer"))
            assert through_old.stop(signal.SIGTERM) == 0
            after.await_answers(3)
            assert again.wait(30) == 0
            through_old.start()
        answered = before.check_ins | after.check_ins
        assert set(before.statuses) == set(after.statuses) == {200}
        assert check_ins_of(at(through_new, integrator)).items() >= answered.items()
    assert postgres.ask("side_by_side", REVISION) == NEXT_REVISION


def test_a_migration_killed_midway_is_finished_by_the_next_upgrade(
    postgres: OperatorsPostgres, folder: Path
) -> None:
    code = install(folder / "in-place")
    release = Release(code, postgres.create_database("killed"), folder / "killed")
    prepare(release.settings)
    server = release.server("--no-worker")
    with serving(server):
        make_next_release(code)
        killed = release.begin("db", "upgrade", **{MIGRATION_SECONDS: "60"})
        wait_until(lambda: bool(postgres.ask("killed", IS_MIGRATING)), 30, "the migration")
        killed.kill()
        killed.wait()
        assert postgres.ask("killed", REVISION) == newest_revision()
        assert server.is_ready(), "it runs the release that was replaced"
        finished = release.run("db", "upgrade")
        assert (finished.returncode, finished.stderr) == (0, "")
        assert server.is_ready()
    assert postgres.ask("killed", REVISION) == NEXT_REVISION


def test_an_upgrade_that_meets_a_lock_changes_nothing_and_says_to_run_it_again(
    postgres: OperatorsPostgres, folder: Path, next_code: Path
) -> None:
    new = Release(next_code, postgres.create_database("locked"), folder / "locked")
    prepare(new.settings)
    with postgres.reading("locked", "devices"):
        refused = new.run("db", "upgrade")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "Run again: partner-api db upgrade" in refused.stderr
    assert postgres.ask("locked", REVISION) == newest_revision()


@contextmanager
def serving(*servers: Server) -> Iterator[None]:
    """Servers that are started at once, and ready when the block begins."""
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        for server in servers:
            stack.enter_context(ending(server))
        for starting in [pool.submit(server.start) for server in servers]:
            starting.result()
        yield


@contextmanager
def ending(server: Server) -> Iterator[None]:
    try:
        yield
    finally:
        if server.process is not None:
            server.stop()


@contextmanager
def refusing(server: Server) -> Iterator[None]:
    """A server that finds the schema too old; when it has been upgraded, it serves by itself."""
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(server.start)
        wait_until(lambda: bool(refusals(server)), 30, "a refusal")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{server.url}/livez", timeout=1)
        yield
        starting.result()
    (refusal,) = refusals(server)
    assert refusal == (
        f"the database stands at revision {newest_revision()}, this server needs {NEXT_REVISION}; "
        "run: partner-api db upgrade"
    )
    assert "Traceback" not in server.output


def refusals(server: Server) -> set[str]:
    """What a server's processes said before they ended."""
    if server.process is None:
        return set()
    errors = [line for line in server.output.splitlines() if " ERROR " in line]
    return {line.partition(": ")[2] for line in errors}


def integrator_of(msp: NewMsp, server: Server) -> Integrator:
    names = {
        "mspId": msp.msp_id,
        "clientId": msp.client_id,
        "clientSecret": msp.client_secret,
    }
    return Integrator(server.url, names)


def at(server: Server, integrator: Integrator) -> Integrator:
    """The same program with the same token, at another server."""
    moved = copy(integrator)
    moved.url = server.url
    return moved


def check_ins_of(integrator: Integrator) -> dict[str, int]:
    listed = integrator.get("/v1/devices?limit=1000")["data"]
    return {device["clientId"]: device.get("checkInCount", 0) for device in listed}


def count_files(code: Path) -> int:
    return len(list((code / "partner_api" / "migrations" / "versions").glob("*.py")))
