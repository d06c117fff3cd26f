"""The database a command works with."""

from collections.abc import Iterator
from contextlib import contextmanager

from partner_api.config import Databases, Settings
from partner_api.database.cluster import EmbeddedCluster
from partner_api.operations.environment import embedded_cluster, joined, read_settings


@contextmanager
def opened() -> Iterator[tuple[Settings, Databases, EmbeddedCluster | None]]:
    """The settings, the database they name, and the cluster when it is the embedded one."""
    settings = read_settings()
    cluster = embedded_cluster(settings)
    with joined(settings, cluster) as databases:
        yield settings, databases, cluster
