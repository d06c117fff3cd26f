"""The machine's serial number, where its maker wrote one and we may read it."""

import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

FILES = (
    Path("/sys/class/dmi/id/product_serial"),  # PCs; root reads it
    Path("/sys/firmware/devicetree/base/serial-number"),  # boards
)

# What makers leave in the field when they have nothing to say. A fleet must not share a serial.
_PLACEHOLDERS = {
    "0",
    "0123456789",
    "default string",
    "none",
    "not applicable",
    "not specified",
    "system serial number",
    "to be filled by o.e.m.",
}
_IOREG = ("/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
_IOREG_SERIAL = re.compile(r'"IOPlatformSerialNumber" = "([^"]*)"')


def read_serial(files: Sequence[Path] = FILES) -> str | None:
    """The serial number, or None."""
    found = _ask_ioreg() if platform.system() == "Darwin" else _first_text(files)
    return None if found.lower() in _PLACEHOLDERS else found or None


def parse_ioreg(output: str) -> str:
    """The serial number in what macOS's `ioreg` prints, or an empty text."""
    match = _IOREG_SERIAL.search(output)
    return match[1].strip() if match else ""


def _first_text(files: Sequence[Path]) -> str:
    return next(filter(None, map(_read, files)), "")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip("\0 \t\r\n")
    except OSError:
        return ""


def _ask_ioreg() -> str:
    try:
        done = subprocess.run(_IOREG, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return parse_ioreg(done.stdout)
