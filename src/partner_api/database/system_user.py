"""Who the embedded PostgreSQL runs as: us, or a system account where we are root.

PostgreSQL refuses to run as root, because whoever is a superuser inside it can run programs.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from partner_api.kernel.errors import Misconfigured

NAME = "partner-api"


@dataclass(frozen=True)
class Account:
    """A user of this machine, and its primary group."""

    uid: int
    gid: int

    @classmethod
    def for_new_cluster(cls) -> Self:
        """Ourselves; as root the account `partner-api`, which is made if it is missing."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        entry = _system_account()
        return cls(entry.pw_uid, entry.pw_gid)

    @classmethod
    def owning(cls, path: Path) -> Self:
        """Whoever owns what is there already."""
        status = path.stat()
        return cls(status.st_uid, status.st_gid)

    def give(self, target: Path | int) -> None:
        """Make it the account's own, be it a path or an open file."""
        if isinstance(target, int):
            os.fchown(target, self.uid, self.gid)
        else:
            os.chown(target, self.uid, self.gid, follow_symlinks=False)

    def can_enter(self, folder: Path) -> bool:
        """Whether every folder on the way lets the account through; tried, not computed."""
        return self._succeeds("test", "-x", str(folder))

    def can_run(self, program: Path) -> bool:
        """Whether the account may execute it and what it needs is within reach."""
        return self._succeeds(str(program), "--version")

    def subprocess_arguments(self) -> dict[str, Any]:
        """What makes `subprocess` run a program as this account, and with nothing of ours.

        Our environment holds secrets and PG* variables may mislead; our working folder may be
        closed to the account, which PostgreSQL's programs do not forgive.
        """
        plain: dict[str, Any] = {
            "cwd": "/",
            "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
            "stdin": subprocess.DEVNULL,
            "umask": 0o077,
        }
        if self.uid == os.geteuid():
            return plain
        return plain | {"user": self.uid, "group": self.gid, "extra_groups": []}

    def _succeeds(self, *command: str) -> bool:
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, **self.subprocess_arguments()
            )
        except OSError:
            return False
        return done.returncode == 0


def _system_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        problem = _add_system_account()
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        raise Misconfigured(
            f"PostgreSQL does not run as root, and the system account {NAME} it would use cannot "
            f"be made ({problem}). Run the server as an ordinary user."
        ) from None


def _add_system_account() -> str:
    """Try to make the account; what `useradd` had to say about it."""
    shape = ("--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin")
    try:
        done = subprocess.run(
            ["useradd", *shape, NAME], check=False, capture_output=True, text=True
        )
    except OSError as error:
        return str(error)
    return done.stderr.strip()
