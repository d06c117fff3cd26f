"""Where the embedded cluster keeps its things.

    <data_dir>/             passable, the rest of it guards itself
    ├── database.json       the passwords, ours alone
    ├── start.lock          held while PostgreSQL is started or stopped
    ├── users.lock          shared by everybody who uses it
    ├── postgres.log
    ├── postgres/           the data directory, the account's own
    └── socket/             the only way in, the account's own

Where the account PostgreSQL runs as cannot enter the data directory, because it is below somebody's
home folder, the last two live in a folder of /var/lib/partner-api, and `postgres` links there.
"""

import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

from partner_api.database.system_user import Account
from partner_api.kernel.errors import Misconfigured

ELSEWHERE = Path("/var/lib/partner-api")
PORT = 5432
LONGEST_SOCKET_PATH = 107


@dataclass(frozen=True)
class Layout:
    """The places of one cluster, and whom they belong to."""

    data_dir: Path
    home: Path
    account: Account

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        """What PostgreSQL prints."""
        return self.data_dir / "postgres.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the socket, which clients call the host."""
        folder = self.home / "socket"
        if _is_usable(folder):
            return folder
        return Path(gettempdir()) / f"partner-api-{_digest(self.data_dir)}"

    @property
    def socket(self) -> Path:
        """The socket itself."""
        return self.socket_folder / f".s.PGSQL.{PORT}"


def make_data_dir(data_dir: Path) -> None:
    """Make the folder if need be; one that holds something already keeps its mode."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if not any(data_dir.iterdir()):
        data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)


def find_layout(data_dir: Path) -> Layout | None:
    """The layout of the cluster that is there, whoever made it."""
    pgdata = data_dir / "postgres"
    if not pgdata.exists():
        return None
    target = pgdata.readlink() if pgdata.is_symlink() else pgdata
    home = target.parent if target.parents[1] == ELSEWHERE else data_dir
    return Layout(data_dir, home, Account.owning(pgdata))


def new_layout(data_dir: Path) -> Layout:
    """The layout of a cluster to be made."""
    account = Account.for_new_cluster()
    if account.can_enter(data_dir):
        return Layout(data_dir, data_dir, account)
    home = ELSEWHERE / _digest(data_dir)
    for folder in (ELSEWHERE, home):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o711)
    return Layout(data_dir, home, account)


def make_socket_folder(layout: Layout) -> None:
    """Make the folder, or refuse one that others could have planted or could look into."""
    folder = layout.socket_folder
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _require_private(folder, layout.account)
    else:
        layout.account.give(folder)


def _require_private(folder: Path, account: Account) -> None:
    found = folder.lstat()
    is_closed = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not is_closed or found.st_uid not in {account.uid, os.geteuid()}:
        raise Misconfigured(
            f"{folder} has to be a folder that only user {account.uid} can enter, and is not. "
            "Remove it, or move PARTNER_API_DATA_DIR."
        )
    # Made by a start that was cut short before it could give the folder away.
    if found.st_uid != account.uid:
        account.give(folder)


def _is_usable(folder: Path) -> bool:
    """Whether it fits into a socket's address, and is not taken for a list by clients."""
    path = os.fsencode(folder / f".s.PGSQL.{PORT}")
    return len(path) <= LONGEST_SOCKET_PATH and b"," not in path


def _digest(data_dir: Path) -> str:
    return sha256(os.fsencode(data_dir)).hexdigest()[:16]
