"""Progress on a terminal and elsewhere."""

import io
import shutil
from os import terminal_size

import pytest

from partner_api.operations.simulation.display import Display


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_of_progress_that_lines_which_stay_push_down() -> None:
    terminal = Terminal()
    display = Display(terminal)
    for line in ("one", "two"):
        display.show(line)
    display.say("done")
    assert terminal.getvalue() == "\r\x1b[Kone\r\x1b[Ktwo\r\x1b[Kdone\n"
    assert display.seconds == 1


def test_progress_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((20, 24)))
    terminal = Terminal()
    Display(terminal).show("x" * 100)
    assert terminal.getvalue() == "\r\x1b[K" + "x" * 19


@pytest.mark.parametrize(
    ("out", "plain_seconds", "seconds"), [(io.StringIO, None, 10), (Terminal, 600.0, 600)]
)
def test_elsewhere_or_when_asked_progress_is_plain_lines(
    out: type[io.StringIO], plain_seconds: float | None, seconds: float
) -> None:
    written = out()
    display = Display(written, plain_seconds)
    display.show("one")
    display.say("done")
    assert written.getvalue() == "one\ndone\n"
    assert display.seconds == seconds
