"""The server process of the embedded PostgreSQL: how it is started, found and stopped."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from partner_api.database.binaries import find_binaries
from partner_api.database.cluster_layout import Layout
from partner_api.kernel.errors import Unavailable

SETTINGS: Mapping[str, str] = {
    "cluster_name": "partner-api",
    # No TCP: whoever can open the socket still needs a password.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Twelve API processes of 22 connections, workers, commands, and some to spare.
    "max_connections": "300",
    # Devices write all the time; rarer checkpoints write each hot page to disk less often.
    "checkpoint_timeout": "15min",
    "max_wal_size": "4GB",
    # Every statement is short, and compiling one takes longer than running it.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# Where check-ins write must fit, or pages are written to make room for others all day long and the
# log waits for the same disk: half a gigabyte for a million devices. Taken from the machine only as
# far as it is used.
MOST_BUFFERS_MB = 1024
_LEAST_BUFFERS_MB = 128
_BUFFERS_PART_OF_MEMORY = 4

# Fast shutdown lets a checkpoint finish; the immediate one leaves it to the next start.
STOPPING = ((signal.SIGINT, 8.0), (signal.SIGQUIT, 6.0))
UNKNOWN = 0
PROGRAM = "postgres"


def spawn(layout: Layout) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, where no terminal's Ctrl-C reaches it.

    Nothing ties it to us: it lives on when we are killed, and the next process finds it.
    """
    _defuse(layout.pgdata / "postmaster.pid")
    _defuse(layout.socket.with_name(f"{layout.socket.name}.lock"))
    log = _open_log(layout)
    try:
        process = subprocess.Popen(
            _command(layout),
            stdout=log,
            stderr=log,
            start_new_session=True,
            **layout.account.subprocess_arguments(),
        )
    finally:
        os.close(log)
    # Its death has to be noticed for it to vanish, whether or not we still care by then.
    Thread(target=process.wait, daemon=True).start()
    return process


def find_listener(path: Path) -> int | None:
    """The process that listens on the socket, UNKNOWN if it cannot be told, None if nobody does.

    The kernel vouches for the answer, where a pid file may be stale and its number in use by
    another program.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(os.fsencode(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except BlockingIOError:  # so many are waiting already that there is no room for us
            return UNKNOWN
        return _peer(client)


def stop(pid: int) -> None:
    """Ask the server to stop, then insist; Unavailable if it is there even so."""
    for request, patience in STOPPING:
        with suppress(ProcessLookupError):
            os.kill(pid, request)
        give_up_at = time.monotonic() + patience
        while time.monotonic() < give_up_at:
            if _living_program(pid) is None:
                return
            time.sleep(0.02)
    raise Unavailable(f"The embedded PostgreSQL, process {pid}, does not stop.")


def _command(layout: Layout) -> Sequence[str]:
    program = find_binaries(layout.account) / "postgres"
    chosen = {
        **SETTINGS,
        "shared_buffers": f"{_buffers_mb()}MB",
        "unix_socket_directories": str(layout.socket_folder),
    }
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    return [str(program), "-D", str(layout.pgdata), *options]


def _buffers_mb() -> int:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    part = memory_mb // _BUFFERS_PART_OF_MEMORY
    return max(_LEAST_BUFFERS_MB, min(MOST_BUFFERS_MB, part))


def _defuse(lock_file: Path) -> None:
    """Keep a dead server's lock file from being believed.

    PostgreSQL takes it for a rival's while its number is in use, be it by another program or by
    the dead server itself, which nobody buries in a container whose first process is no init.
    The number of its own parent it never minds, so that is what we write. The rest has to stay:
    by it PostgreSQL finds processes of the dead server that still use its memory.
    """
    if lock_file.exists():
        number, _, rest = lock_file.read_text().partition("\n")
        if number.isdigit() and _living_program(int(number)) != PROGRAM:
            lock_file.write_text(f"{os.getpid()}\n{rest}")


def _open_log(layout: Layout) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    log = os.open(layout.log, flags, mode=0o600)
    layout.account.give(log)
    return log


def _peer(client: socket.socket) -> int:
    if sys.platform != "linux":
        sol_local, local_peerpid = 0, 2
        return client.getsockopt(sol_local, local_peerpid)
    credentials = struct.Struct("3i")
    raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    pid: int = credentials.unpack(raw)[0]
    return pid


def _living_program(pid: int) -> str | None:
    """What runs under that number; None if nothing does, or nothing but an unburied process."""
    try:
        if sys.platform != "linux":
            os.kill(pid, 0)
            return PROGRAM
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = status.partition("(")[2].rpartition(") ")
    return None if rest[0] in "ZX" else name
