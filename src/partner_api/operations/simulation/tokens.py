"""Bearer tokens of every kind: got when first needed, and again when they no longer hold."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from partner_api.kernel.clock import Clock

# A token is renewed this long before it expires, so that none expires on its way.
_MARGIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Token:
    """A token's text, and when it ends if that is known."""

    text: str = field(repr=False)
    expires_at: datetime | None = None


class TokenSource:
    """Hands out one token to many callers; `issue` gets a new one."""

    def __init__(
        self, issue: Callable[[], Awaitable[Token]], clock: Clock, known: Token | None = None
    ) -> None:
        self._issue = issue
        self._clock = clock
        self._token = known
        # So that callers who find no token wait for one instead of getting one each.
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """A token that holds, as far as one can tell from here."""
        async with self._lock:
            if self._token is None or self._is_ending(self._token):
                self._token = await self._issue()
            return self._token.text

    def forget(self, text: str) -> None:
        """The server does not take this token; one that replaced it meanwhile stays."""
        if self._token is not None and self._token.text == text:
            self._token = None

    def _is_ending(self, token: Token) -> bool:
        return token.expires_at is not None and self._clock.now() + _MARGIN >= token.expires_at
