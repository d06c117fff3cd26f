"""Processes that die at any statement: the connection goes, and whatever was not committed."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_STATEMENTS = {"execute", "fetch", "fetchrow", "fetchval"}


class CrashError(Exception):
    """The end of a process."""


@dataclass
class Fuse:
    """Burns down by one at each statement, and lets the process die before or after the last."""

    statements: int
    after: bool

    def burns(self, *, after: bool) -> bool:
        """Whether this is the end; asked before and after each statement."""
        if not after:
            self.statements -= 1
        return self.statements <= 0 and after is self.after


class _Dying:
    """A connection of a process that dies when the fuse has burnt."""

    def __init__(self, connection: Any, fuse: Fuse) -> None:
        self._connection = connection
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        return self._fused(found) if name in _STATEMENTS else found

    def _fused(self, run: Any) -> Any:
        async def fused(*args: Any) -> Any:
            self._die_if(after=False)
            answer = await run(*args)
            self._die_if(after=True)
            return answer

        return fused

    def _die_if(self, *, after: bool) -> None:
        if self._fuse.burns(after=after):
            self._connection.terminate()
            raise CrashError


class DyingPool:
    """A pool as `acquired` uses it, with one connection of its own."""

    def __init__(self, connection: asyncpg.Connection, fuse: Fuse) -> None:
        self._dying = _Dying(connection, fuse)

    async def acquire(self, **_: Any) -> Any:
        return self._dying

    async def release(self, _: Any) -> None:
        """It is closed by who opened it."""


@asynccontextmanager
async def dying_pool(url: str, fuse: Fuse, settings: dict[str, str]) -> AsyncIterator[Any]:
    """A pool of a process that dies when the fuse has burnt; its locks are gone on return."""
    connection = await asyncpg.connect(url, server_settings=settings)
    watcher = await asyncpg.connect(url)
    pid = connection.get_server_pid()
    try:
        yield DyingPool(connection, fuse)
    finally:
        connection.terminate()
        while await watcher.fetchval("select true from pg_stat_activity where pid = $1", pid):
            pass
        await watcher.close()


@contextmanager
def dying_engine(engine: AsyncEngine, fuse: Fuse) -> Iterator[None]:
    """An API process whose unit of work breaks off when the fuse has burnt."""

    def before(*_: Any) -> None:
        if fuse.burns(after=False):
            raise CrashError

    def after(*_: Any) -> None:
        if fuse.burns(after=True):
            raise CrashError

    listeners = {"before_cursor_execute": before, "after_cursor_execute": after}
    for name, listener in listeners.items():
        event.listen(engine.sync_engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(engine.sync_engine, name, listener)
