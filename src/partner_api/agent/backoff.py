"""How long to wait for a server that is away, so that a fleet does not return as one."""

from random import Random

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
# A server asks for seconds. One that asks for more than this is not meant to be believed.
_LONGEST_ASKED_SECONDS = 3600.0


class Backoff:
    """Pauses after failures in a row: full jitter under a ceiling that doubles."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._ceiling = _FIRST_SECONDS

    def next_pause(self, asked_seconds: float) -> float:
        """The seconds to wait now, on top of those the server asked for."""
        pause = self._random.uniform(0, self._ceiling)
        self._ceiling = min(2 * self._ceiling, _LONGEST_SECONDS)
        return min(asked_seconds, _LONGEST_ASKED_SECONDS) + pause
