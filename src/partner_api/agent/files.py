"""Files nobody else may read, whole or not at all, and there after a loss of power."""

import os
from pathlib import Path


def create_private(file: Path) -> None:
    """Make an empty file, 0600, unless it is there."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT, mode=0o600)
    try:
        if os.geteuid() == 0:
            # An administrator enrolls as root what a service account then runs.
            owner = file.parent.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)


def write_private(file: Path, text: str) -> None:
    """Replace a file; it is on disk when this returns."""
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    create_private(unfinished)
    with unfinished.open("w", encoding="utf-8") as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    unfinished.replace(file)
    _sync(file.parent)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
