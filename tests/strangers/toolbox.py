"""The strangers' programs, installed beside these tests by `make strangers`."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
PYTHONS = FOLDER / ".venv" / "bin"
NODES = FOLDER / "node_modules" / ".bin"


def run(
    program: Path,
    *arguments: object,
    timeout: float = 120,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program in this folder and wait for it."""
    assert program.exists(), "run: make strangers"
    path = os.pathsep.join([str(PYTHONS), os.environ["PATH"]])
    return subprocess.run(
        [program, *map(str, arguments)],
        cwd=FOLDER,
        env={**os.environ, "PATH": path, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def output(program: Path, *arguments: object, **variables: str) -> str:
    """What a program prints that must succeed."""
    done = run(program, *arguments, variables=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
