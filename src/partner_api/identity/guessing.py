"""Wrong secrets slow their guesser down, and nobody else.

A right secret is answered at once however many wrong ones came before it, so no stranger can lock
an owner out. A wrong one waits, the longer the more wrong ones came lately for that client id.
"""

import time
from asyncio import sleep
from collections import OrderedDict

_FREE = 5
_STEP_SECONDS = 0.1
_LONGEST_SECONDS = 3.0
_FORGOTTEN_SECONDS = 60.0
_REMEMBERED = 10_000
_LONGEST_ID = 100


class GuessDelay:
    """Remembers wrong guesses per client id for a minute."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def punish(self, client_id: str) -> None:
        """Note a wrong secret and wait, a tenth of a second more for each beyond the fifth."""
        now, client_id = time.monotonic(), client_id[:_LONGEST_ID]
        count, since = self._wrong.pop(client_id, (0, now))
        count = 1 if now - since > _FORGOTTEN_SECONDS else count + 1
        self._wrong[client_id] = (count, now)
        if len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)
        await sleep(min(_LONGEST_SECONDS, max(0, count - _FREE) * _STEP_SECONDS))
