"""What the agent says of itself, on the machine and, where it is worth telling, to the server."""

from collections.abc import Callable

from partner_api.agent.clock import DeviceClock
from partner_api.agent.spool import Queue

# Sentences of a server's or a library's are quoted; an item may have 16 kB.
_LONGEST_MESSAGE = 1000

Announce = Callable[[str], None]


class Journal:
    """Announces on the machine; `info` and `warn` also put a log line into the spool."""

    def __init__(self, log_lines: Queue, clock: DeviceClock, announce: Announce) -> None:
        self._log_lines = log_lines
        self._clock = clock
        self._announce = announce

    def say(self, message: str) -> None:
        """Tell it here only."""
        self._announce(message[:_LONGEST_MESSAGE])

    def info(self, message: str, **facts: str | int) -> None:
        """Something went on."""
        self._log("INFO", message, facts)

    def warn(self, message: str, **facts: str | int) -> None:
        """Something was lost."""
        self._log("WARN", message, facts)

    def _log(self, severity: str, message: str, facts: dict[str, str | int]) -> None:
        self.say(message)
        payload = {"message": message[:_LONGEST_MESSAGE], **facts}
        self._log_lines.add({"severity": severity, "payload": payload}, self._clock.now())
