"""The state directory: private, whole, and one agent's at a time."""

import stat
from pathlib import Path

import pytest

from partner_api.agent.spool import Spool
from partner_api.agent.state import Enrollment, StateDirectory, default_directory
from partner_api.kernel.errors import Conflict, Misconfigured
from partner_api.kernel.ids import parse_client_id
from tests.agent.support import moment

ENROLLMENT = Enrollment(
    server_url="https://partner.example.com",
    msp_id="msp",
    org_id="org",
    client_id="A1B2C3D4-E5F6-7890-ABCD-EF1234567890",
    device_token="nwx_dt_secret",
    check_in_interval_seconds=240,
    allow_http=False,
    current_version=None,
)


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "made" / "state")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_and_files_are_the_owners_alone(directory: StateDirectory) -> None:
    directory.client_id()
    directory.keep_enrollment(ENROLLMENT)
    spool = Spool(directory.spool)
    spool.check_ins.add({}, moment(0))
    files = {file.name: mode(file) for file in directory.path.iterdir()}
    spool.close()
    assert mode(directory.path) == 0o700
    assert files == dict.fromkeys(
        [
            "client-id",
            "enrollment.json",
            "spool.sqlite3",
            "spool.sqlite3-shm",
            "spool.sqlite3-wal",
        ],
        0o600,
    )


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StateDirectory(tmp_path)
    assert mode(tmp_path) == 0o755


def test_the_client_id_is_made_once(directory: StateDirectory) -> None:
    made = directory.client_id()
    assert parse_client_id(made) is not None
    assert StateDirectory(directory.path).client_id() == made


def test_an_enrollment_is_kept_and_its_token_never_shown(directory: StateDirectory) -> None:
    directory.keep_enrollment(ENROLLMENT)
    assert StateDirectory(directory.path).require_enrollment() == ENROLLMENT
    assert "secret" not in repr(ENROLLMENT)


def test_without_an_enrollment_it_says_how_to_enroll(directory: StateDirectory) -> None:
    with pytest.raises(Misconfigured, match="agent enroll"):
        directory.require_enrollment()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"device_token": "nwx_dt_secret"'])
def test_a_damaged_enrollment_is_named_and_not_shown(
    directory: StateDirectory, content: str
) -> None:
    (directory.path / "enrollment.json").write_text(content)
    with pytest.raises(Misconfigured, match=r"enrollment\.json is damaged") as damaged:
        directory.get_enrollment()
    assert "secret" not in damaged.value.message


def test_a_damaged_client_id_is_named(directory: StateDirectory) -> None:
    (directory.path / "client-id").write_text("")
    with pytest.raises(Misconfigured, match="client-id is damaged"):
        directory.client_id()


def test_only_one_agent_holds_a_directory(directory: StateDirectory) -> None:
    with (
        directory.held(),
        pytest.raises(Conflict, match="Another agent"),
        StateDirectory(directory.path).held(),
    ):
        pass
    with StateDirectory(directory.path).held():
        pass


@pytest.mark.parametrize(
    ("user", "state_home", "expected"),
    [
        (0, "/elsewhere", Path("/var/lib/partner-api-agent")),
        (1000, "/elsewhere", Path("/elsewhere/partner-api-agent")),
        (1000, "", Path("~/.local/state/partner-api-agent").expanduser()),
    ],
)
def test_the_default_directory_is_the_accounts(
    monkeypatch: pytest.MonkeyPatch, user: int, state_home: str, expected: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setenv("XDG_STATE_HOME", state_home)
    assert default_directory() == expected
