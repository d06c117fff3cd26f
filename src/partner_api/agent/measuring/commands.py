"""What the programs of an operating system print."""

import os
import subprocess

_SECONDS = 5
# Where administrators' tools are, which the accounts of services and people often do not search.
_MORE_PATH = "/usr/sbin:/sbin"


def output_of(*command: str, seconds: float = _SECONDS) -> str:
    """What a program prints; an empty text when it is not there, fails or takes longer."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), _MORE_PATH))
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            env={**os.environ, "PATH": path, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
