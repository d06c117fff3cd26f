"""The state directory: what the agent is, kept between runs, and used by one agent at a time."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from partner_api.agent.files import write_private
from partner_api.kernel.errors import Conflict, Misconfigured
from partner_api.kernel.ids import ClientId, format_client_id, parse_client_id

_NAME = "partner-api-agent"


@dataclass(frozen=True)
class Enrollment:
    """The device's place at a server, and the token that opens it."""

    server_url: str
    msp_id: str
    org_id: str
    client_id: str
    device_token: str = field(repr=False)
    check_in_interval_seconds: int
    allow_http: bool
    current_version: str | None


class StateDirectory:
    """One agent's directory, made when it is not there, 0700; its files are 0600."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self.spool = path / "spool.sqlite3"
        self._client_id = path / "client-id"
        self._enrollment = path / "enrollment.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other agents out meanwhile; Conflict when one is in."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            self._lock(handle)
            yield
        finally:
            os.close(handle)

    def client_id(self) -> str:
        """The device's own name, made once.

        On disk before any server hears of it: an enrollment whose answer is lost can be repeated
        without becoming a second device.
        """
        if not self._client_id.exists():
            write_private(self._client_id, format_client_id(ClientId(uuid4())))
        kept = parse_client_id(self._client_id.read_text(encoding="utf-8"))
        if kept is None:
            raise Misconfigured(f"{self._client_id} is damaged; remove it and enroll again")
        return format_client_id(kept)

    def keep_enrollment(self, enrollment: Enrollment) -> None:
        """Remember an enrollment instead of any earlier one."""
        write_private(self._enrollment, json.dumps(asdict(enrollment), indent=2))

    def get_enrollment(self) -> Enrollment | None:
        """The enrollment, if there is one."""
        try:
            return Enrollment(**json.loads(self._enrollment.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise Misconfigured(
                f"{self._enrollment} is damaged; remove it and enroll again"
            ) from None

    def require_enrollment(self) -> Enrollment:
        """The enrollment; Misconfigured without one."""
        enrollment = self.get_enrollment()
        if enrollment is None:
            raise Misconfigured(
                f"Not enrolled in {self.path}; run: partner-api agent enroll --url … --token …"
            )
        return enrollment

    def _lock(self, handle: int) -> None:
        try:
            # The kernel lets go of it when the process ends, however it does.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"Another agent is running on {self.path}; stop it first") from None


def default_directory() -> Path:
    """Where an agent of this account keeps its state unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib") / _NAME
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / _NAME
