"""What waits to be sent; it is on disk before anything else is done with it.

SQLite with a write-ahead log synced at every commit: what was added outlives kill -9 and loss of
power. AUTOINCREMENT gives no number twice, whatever has been removed since.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from partner_api.agent.clock import Moment
from partner_api.agent.files import create_private

Content = dict[str, Any]

_QUEUE = """
create table if not exists {table} (
    number integer primary key autoincrement,
    wall text not null, boot text not null, ticks real not null, content text not null
)
"""
_DROPPED = "create table if not exists dropped (queue text primary key, entries integer not null)"
_ADD = "insert into {table} (wall, boot, ticks, content) values (?, ?, ?, ?)"
_RESTORE = "insert into {table} (number, wall, boot, ticks, content) values (?, ?, ?, ?, ?)"
_OLDEST = "select number, wall, boot, ticks, content from {table} order by number limit ?"
_SIZE = "select count(*), coalesce(sum(length(cast(content as blob))), 0) from {table}"
_DROP = "delete from {table} where number = (select min(number) from {table})"
_COUNT = (
    "insert into dropped values (?, ?)"
    " on conflict (queue) do update set entries = entries + excluded.entries"
)

# What goes into one request: it has to get through a narrow line within the time it is given.
_MOST_AT_ONCE = 256 * 1024


@dataclass(frozen=True)
class Bounds:
    """How much a queue may hold; at the server's usual interval this is four weeks.

    There is room for as many check-ins with the largest samples: measuring shortens no memory.
    """

    entries: int = 10_000
    size: int = 48 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """Something observed at a moment; numbers of a queue only rise."""

    number: int
    moment: Moment
    content: Content


class Spool:
    """The agent's two queues, in one file."""

    def __init__(self, file: Path, bounds: Bounds | None = None) -> None:
        create_private(file)
        self._connection = sqlite3.connect(file)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.execute(_DROPPED)
        self.check_ins = Queue(self._connection, "check_ins", "check-ins", bounds or Bounds())
        self.log_lines = Queue(self._connection, "log_lines", "log lines", bounds or Bounds())

    def clear(self) -> None:
        """Forget what waits; numbers go on from where they were."""
        with self._connection:
            for table in ("check_ins", "log_lines", "dropped"):
                self._connection.execute(f"delete from {table}")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class Queue:
    """First in, first out; when it is full the oldest entry makes room and is counted."""

    def __init__(
        self, connection: sqlite3.Connection, table: str, what: str, bounds: Bounds
    ) -> None:
        self.what = what
        self._connection = connection
        self._table = table
        self._bounds = bounds
        self._execute(_QUEUE)

    def add(self, content: Content, moment: Moment) -> None:
        """Put an entry at the end; it is on disk when this returns."""
        with self._connection:
            self._execute(_ADD, *_row(content, moment))
            self._make_room()

    def oldest(self, most: int) -> Sequence[Entry]:
        """The first entries, in order: fewer when they are large."""
        entries: list[Entry] = []
        size = 0
        for number, wall, boot, ticks, content in self._execute(_OLDEST, most):
            size += len(content)
            if entries and size > _MOST_AT_ONCE:
                break
            moment = Moment(datetime.fromisoformat(wall), boot, ticks)
            entries.append(Entry(number, moment, json.loads(content)))
        return entries

    def remove(self, entries: Sequence[Entry], instead: Sequence[Entry] = ()) -> None:
        """Take out entries that were dealt with; what stays of some stays in their places."""
        numbers = entries[0].number, entries[-1].number
        with self._connection:
            self._execute("delete from {table} where number between ? and ?", *numbers)
            for entry in instead:
                self._execute(_RESTORE, entry.number, *_row(entry.content, entry.moment))

    def dropped(self) -> int:
        """How many entries made room and were not spoken of yet."""
        statement = "select entries from dropped where queue = ?"
        row = self._execute(statement, self._table).fetchone()
        return row[0] if row else 0

    def forget_dropped(self, entries: int) -> None:
        """That many were spoken of."""
        with self._connection:
            self._execute(_COUNT, self._table, -entries)

    def _make_room(self) -> None:
        dropped = 0
        while self._is_too_full():
            self._execute(_DROP)
            dropped += 1
        if dropped:
            self._execute(_COUNT, self._table, dropped)

    def _is_too_full(self) -> bool:
        entries, size = self._execute(_SIZE).fetchone()
        return bool(entries > self._bounds.entries or size > self._bounds.size)

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(statement.format(table=self._table), values)


def _row(content: Content, moment: Moment) -> tuple[str, str, float, str]:
    text = json.dumps(content, separators=(",", ":"))
    return moment.wall.isoformat(), moment.boot, moment.ticks, text
