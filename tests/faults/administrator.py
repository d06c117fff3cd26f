"""What somebody with the embedded PostgreSQL's superuser password can do to it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.cluster_secrets import DATABASE


@contextmanager
def administering(data_dir: Path) -> Iterator[Callable[[str], list[asyncpg.Record]]]:
    """A connection to our database; what is yielded runs one statement and returns its rows."""
    url = EmbeddedCluster(data_dir).admin_url
    # A loop of its own, left unset, so that it is in no other test's way.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        connection = runner.run(asyncpg.connect(url, database=DATABASE, timeout=30))
        try:
            yield lambda sql: runner.run(connection.fetch(sql))
        finally:
            connection.terminate()
