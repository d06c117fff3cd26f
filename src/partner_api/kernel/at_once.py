"""How much of one kind each of many may do at the same time."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from partner_api.kernel.errors import RateLimited


class AtOnce:
    """A few places for each key, in this process; nobody waits for one."""

    def __init__(self, places: int, message: str) -> None:
        self._places = places
        self._message = message
        self._taken: Counter[Hashable] = Counter()

    @contextmanager
    def place(self, key: Hashable) -> Iterator[None]:
        """Hold a place; RateLimited, with the message, when all of the key's are taken."""
        if self._taken[key] >= self._places:
            raise RateLimited(self._message)
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
