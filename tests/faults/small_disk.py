"""A disk that is easily filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

MEGABYTE = 1 << 20


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount one; skips the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    options = f"size={megabytes}m,mode=0711"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting a small disk needs root with CAP_SYS_ADMIN: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], timeout=30, check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no byte free, as a program that logs too much does; clean up afterwards."""
    filler = folder / "filler"
    try:
        with filler.open("ab", buffering=0) as file:
            for size in (MEGABYTE, 4096):
                # The file system says when it is enough.
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))
        yield
    finally:
        filler.unlink()
