"""The PostgreSQL 18 that comes with the server, for whoever has none.

The server and every command that needs the database join it: the first to come starts it, the last
to leave stops it, and a server killed outright leaves it to the next. Two locks in the data
directory keep order; the kernel drops them when a process dies.
"""

import fcntl
import os
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from partner_api.config import Databases
from partner_api.database.cluster_layout import (
    Layout,
    find_layout,
    make_data_dir,
    make_socket_folder,
    new_layout,
)
from partner_api.database.cluster_secrets import Secrets
from partner_api.database.data_directory import make_data_directory, require_version
from partner_api.database.disk_space import keep_reserve, release_reserve
from partner_api.database.first_login import prepare
from partner_api.database.postmaster import UNKNOWN, find_listener, spawn, stop
from partner_api.kernel.errors import Misconfigured

POLL_SECONDS = 0.1
# A server killed outright leaves its pid file, and for a moment processes that still use its
# memory. PostgreSQL rightly refuses to start beside them, so such a start is tried for this long.
LEFTOVERS_END_SECONDS = 5
LOG_LINES_SHOWN = 15


class EmbeddedCluster:
    """One data directory and the server that belongs to it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._secrets_file = self._data_dir / "database.json"
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def join(self) -> Iterator[Databases]:
        """Use the cluster for a while, made and started if need be.

        Takes as long as crash recovery does. Misconfigured, with the end of PostgreSQL's log, if
        the server does not start.
        """
        with _explained(self._data_dir):
            make_data_dir(self._data_dir)
        with _lock_file(self._data_dir / "users.lock") as users:
            try:
                with self._changing():
                    fcntl.flock(users, fcntl.LOCK_SH)
                    self._make()
                    self._start()
                    databases = self._secrets().databases(self._layout().socket_folder)
                yield databases
            finally:
                with self._changing():
                    self._leave(users)

    def ensure_running(self) -> None:
        """Start the server again if it died; for whoever has joined."""
        with self._changing():
            self._start()

    def keep_reserve(self) -> None:
        """Set aside the room that a start needs when the disk is full."""
        keep_reserve(self._layout().home)

    def is_running(self) -> bool:
        """Whether a server listens, be it still recovering."""
        layout = find_layout(self._data_dir)
        return layout is not None and find_listener(layout.socket) is not None

    @property
    def admin_url(self) -> str:
        """The superuser's URL, to the database `postgres`."""
        return self._secrets().admin_url(self._layout().socket_folder)

    def stop(self) -> None:
        """Stop the server, whoever uses it."""
        with self._changing():
            self._stop()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Alone in starting and stopping, and with the machine's refusals put into words."""
        with _explained(self._data_dir), _lock_file(self._data_dir / "start.lock") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _make(self) -> None:
        found = find_layout(self._data_dir)
        if found is not None:
            require_version(found.pgdata)
            return
        is_known = self._secrets_file.exists()
        secrets = self._secrets() if is_known else Secrets.create(self._secrets_file)
        layout = new_layout(self._data_dir)
        # Whoever listens where nothing has been made yet serves a data directory since removed.
        _stop_listener(layout)
        make_data_directory(layout, secrets.postgres)

    def _start(self) -> None:
        try:
            self._start_once()
        except Misconfigured:
            # Most likely the disk is full; what was set aside is enough to read with.
            if not release_reserve(self._layout().home):
                raise
            self._start_once()

    def _start_once(self) -> None:
        layout, secrets = self._layout(), self._secrets()
        make_socket_folder(layout)
        log_start = _size(layout.log)
        give_up_at: float | None = None
        while not prepare(self.admin_url, secrets.owner):
            if self._has_ended(layout):
                now = time.monotonic()
                give_up_at = give_up_at or now + _patience(layout)
                if now > give_up_at:
                    raise Misconfigured(_last_words(layout.log, log_start))
                self._process = spawn(layout)
            time.sleep(POLL_SECONDS)

    def _has_ended(self, layout: Layout) -> bool:
        is_ours = self._process is not None and self._process.poll() is None
        return not is_ours and find_listener(layout.socket) is None

    def _leave(self, users: int) -> None:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        self._stop()

    def _stop(self) -> None:
        layout = find_layout(self._data_dir)
        if layout is None:
            return
        _stop_listener(layout)
        # One that was interrupted before it came to listening.
        if self._process is not None and self._process.poll() is None:
            stop(self._process.pid)

    def _layout(self) -> Layout:
        layout = find_layout(self._data_dir)
        if layout is None:
            raise Misconfigured(f"There is no embedded PostgreSQL in {self._data_dir} yet.")
        return layout

    def _secrets(self) -> Secrets:
        return Secrets.load(self._secrets_file)


@contextmanager
def _explained(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misconfigured(f"The embedded PostgreSQL in {data_dir} fails: {error}") from error


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    with _explained(path.parent):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, mode=0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _stop_listener(layout: Layout) -> None:
    pid = find_listener(layout.socket)
    if pid is not None and pid != UNKNOWN:
        stop(pid)


def _patience(layout: Layout) -> float:
    died = (layout.pgdata / "postmaster.pid").exists()
    return LEFTOVERS_END_SECONDS if died else 0


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _last_words(log: Path, start: int) -> str:
    with log.open(errors="replace") as lines:
        lines.seek(start)
        said = "".join(deque(lines, maxlen=LOG_LINES_SHOWN))
    return f"The embedded PostgreSQL does not start. The end of {log}:\n{said.rstrip()}"
