"""Where a simulation says how it goes: a terminal, or a file that somebody reads later."""

import shutil
from typing import TextIO

_REFRESH_SECONDS = 1.0
_PLAIN_SECONDS = 10.0
_ERASE = "\r\x1b[K"


class Display:
    """Lines that stay, and progress: one line refreshed on a terminal, elsewhere a plain line.

    With `plain_seconds` progress is a plain line on a terminal too, that often.
    """

    def __init__(self, out: TextIO, plain_seconds: float | None = None) -> None:
        self._out = out
        self._refreshes = plain_seconds is None and out.isatty()
        self.seconds = _REFRESH_SECONDS if self._refreshes else plain_seconds or _PLAIN_SECONDS

    def say(self, line: str) -> None:
        """A line that stays."""
        self._write(f"{_ERASE}{line}\n" if self._refreshes else f"{line}\n")

    def show(self, progress: str) -> None:
        """How it goes now."""
        if not self._refreshes:
            self.say(progress)
            return
        # A longer line would wrap, and its first half would stay.
        width = shutil.get_terminal_size().columns - 1
        self._write(_ERASE + progress[:width])

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
