"""What a process needs before it can do anything: a database to talk to and keys to sign with."""

import base64
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from partner_api.config import PREFIX, Databases, Settings, parse_secret_keys, unknown_settings
from partner_api.database.cluster import EmbeddedCluster
from partner_api.kernel.errors import Misconfigured
from partner_api.operations.logging import LogFormat, configure_logging

_KEYS_FILE = "secret-keys"
_logger = logging.getLogger(__name__)


def read_settings() -> Settings:
    """The settings; variables that look like one of ours and are none are named in the log."""
    for name in unknown_settings():
        _logger.warning("%s is no setting of this server; is it misspelt?", name)
    settings = Settings.from_environment()
    configure_logging(LogFormat(settings.log_format))
    return settings


def embedded_cluster(settings: Settings) -> EmbeddedCluster | None:
    """The cluster the server brings, None when the operator named one."""
    return EmbeddedCluster(settings.data_dir) if settings.is_embedded else None


@contextmanager
def joined(settings: Settings, cluster: EmbeddedCluster | None) -> Iterator[Databases]:
    """The database's URLs, for as long as they are needed."""
    if cluster is None:
        yield settings.external_databases()
        return
    with cluster.join() as databases:
        yield databases


def secret_keys(settings: Settings) -> str:
    """The key ring as the setting spells it; with the embedded database made on first use.

    Misconfigured when the database is the operator's and no key is set.
    """
    if settings.secret_keys is not None:
        text = settings.secret_keys.get_secret_value()
    elif settings.is_embedded:
        text = _kept_keys(settings.data_dir / _KEYS_FILE)
    else:
        raise Misconfigured(
            f"{PREFIX}SECRET_KEYS is not set. With a PostgreSQL of your own the server makes no "
            "keys: set kid:base64 of 32 random bytes, the same for every process."
        )
    parse_secret_keys(text)
    return text


def child_environment(
    settings: Settings, databases: Databases, keys: str, public_url: str
) -> Mapping[str, str]:
    """Everything a child process needs, and not the owner's login."""
    return {
        **worker_environment(settings, databases, keys),
        f"{PREFIX}DATABASE_DISK": str(_database_disk(settings) or ""),
        f"{PREFIX}PUBLIC_URL": public_url,
        f"{PREFIX}CHECK_IN_INTERVAL_SECONDS": str(settings.check_in_interval_seconds),
    }


def worker_environment(settings: Settings, databases: Databases, keys: str) -> Mapping[str, str]:
    """What the worker's processes need of it: they answer nobody, and sign to webhooks only."""
    return {
        f"{PREFIX}DATABASE_URL": databases.api,
        f"{PREFIX}INGEST_URL": databases.ingest,
        f"{PREFIX}WORKER_URL": databases.worker,
        f"{PREFIX}OWNER_URL": "",
        f"{PREFIX}SECRET_KEYS": keys,
        f"{PREFIX}WEBHOOK_ALLOW_HTTP": str(settings.webhook_allow_http),
        f"{PREFIX}WEBHOOK_ALLOWED_NETWORKS": ",".join(map(str, settings.webhook_allowed_networks)),
        f"{PREFIX}LOG_FORMAT": settings.log_format,
    }


def _database_disk(settings: Settings) -> Path | None:
    return settings.data_dir / "postgres" if settings.is_embedded else settings.database_disk


def _kept_keys(path: Path) -> str:
    if not path.exists():
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        write_private(path, f"k1:{key}\n")
    return path.read_text(encoding="utf-8").strip()


def write_private(path: Path, content: str) -> None:
    """Write a file nobody else may read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
