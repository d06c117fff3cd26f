"""Room on the disk of a database that lives on this machine.

PostgreSQL ends where it cannot begin a new segment of its log, and nothing can be read then. So
writes stop while there is still room, and some more is kept for starting again if it ended even so.
"""

import shutil
import time
from pathlib import Path

from partner_api.kernel.errors import Unavailable

SEGMENT_BYTES = 16 * 1024 * 1024
LEAST_BYTES = 4 * SEGMENT_BYTES
RESERVE_SEGMENTS = 3

_LOOK_EVERY_SECONDS = 1.0
_RETRY_AFTER_SECONDS = 10
_RESERVE = "reserve"


class DiskSpace:
    """Looks at a folder's disk now and then; without a folder there is always room."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._look_at = 0.0
        self._has_room = True

    def require_room(self) -> None:
        """Unavailable while the disk is nearly full."""
        now = time.monotonic()
        if self._folder is not None and now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_SECONDS
            self._has_room = shutil.disk_usage(self._folder).free >= LEAST_BYTES
        if not self._has_room:
            raise Unavailable("The server's disk is full; try again later", _RETRY_AFTER_SECONDS)


def keep_reserve(home: Path) -> None:
    """Set room aside, unless it is or there is too little."""
    file = home / _RESERVE
    try:
        if file.exists() or shutil.disk_usage(home).free < 4 * LEAST_BYTES:
            return
        with file.open("wb") as reserve:
            for _ in range(RESERVE_SEGMENTS):
                reserve.write(bytes(SEGMENT_BYTES))
    except OSError:
        # Somebody else took the room meanwhile; there may be some later.
        file.unlink(missing_ok=True)


def release_reserve(home: Path) -> bool:
    """Give up what was set aside; whether there was any."""
    file = home / _RESERVE
    if not file.exists():
        return False
    file.unlink()
    return True
