"""Settings: read from the environment once, into one typed object, and handed down.

Nothing below `app.py`, `worker.py` and `operations/environment.py` reads the environment.
"""

import base64
import binascii
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    DirectoryPath,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from partner_api.kernel.errors import Misconfigured

PREFIX = "PARTNER_API_"


def _postgres_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    # Reading the port checks it.
    if parts.scheme not in {"postgresql", "postgres"} or parts.port == 0:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgres_url)] | None


class Settings(BaseSettings):
    """Every setting, with a default for a server that brings its own PostgreSQL."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: DatabaseUrl = None
    """The API's own login on your PostgreSQL 18; unset means the embedded one."""
    ingest_url: DatabaseUrl = None
    """The login that may only execute the ingest functions."""
    worker_url: DatabaseUrl = None
    """The worker's login."""
    owner_url: DatabaseUrl = None
    """The login that owns the schema; needed by migrations and administration only."""
    data_dir: Path = Path(".data")
    """Where the embedded PostgreSQL, its passwords and the demo's credentials live."""
    database_disk: DirectoryPath | None = None
    """A folder on the database's disk, if that is this machine's: writes stop before it is full."""
    public_url: str | None = None
    """The address integrators use, without a trailing slash; links and documents show it."""
    secret_keys: SecretStr | None = None
    """`kid:base64` of 32 bytes or more, comma-separated; the first signs, all verify."""
    check_in_interval_seconds: int = Field(default=240, ge=10, le=3600)
    """How often a device is asked to check in; answers vary downwards only."""
    webhook_allow_http: bool = False
    """Whether webhooks may go unencrypted."""
    webhook_allowed_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Networks that webhooks may reach although they are not public, comma-separated."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where `serve` answers Prometheus; unset means nowhere."""
    metrics_host: str = "127.0.0.1"
    """The address metrics are served on."""
    log_format: Literal["text", "json"] = "text"
    """`json` for machines: one object a line, with request and MSP ids."""
    revision: str | None = None
    """What `/v1/health` calls this deployment; by default the git commit or package version."""

    @field_validator("public_url")
    @classmethod
    def _plain_http_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
            raise ValueError("must be an http or https address such as https://partner.example.com")
        return value.rstrip("/")

    @field_validator("webhook_allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())

    @classmethod
    def from_environment(cls) -> Self:
        """The settings as the environment gives them; Misconfigured names what is wrong."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = PREFIX + str(first["loc"][0]).upper()
            raise Misconfigured(f"{name}: {first['msg']}") from None

    @property
    def is_embedded(self) -> bool:
        """Whether the server brings its own PostgreSQL: no URL of another was set."""
        return not any((self.database_url, self.ingest_url, self.worker_url, self.owner_url))

    def external_databases(self) -> "Databases":
        """The operator's own PostgreSQL; Misconfigured names the first URL that is missing."""
        return Databases(
            api=_required_secret("DATABASE_URL", self.database_url),
            ingest=_required_secret("INGEST_URL", self.ingest_url),
            worker=_required_secret("WORKER_URL", self.worker_url),
            owner=self.owner_url.get_secret_value() if self.owner_url else None,
        )


@dataclass(frozen=True)
class Databases:
    """One database, as each of its logins reaches it."""

    api: str
    ingest: str
    worker: str
    owner: str | None

    def require_owner(self) -> str:
        """The owner's URL; Misconfigured when this process was not given it."""
        return _required("OWNER_URL", self.owner)


@dataclass(frozen=True)
class SecretKey:
    """One key of the ring and the name tokens call it by."""

    kid: str
    secret: bytes


def parse_secret_keys(text: str) -> Sequence[SecretKey]:
    """The ring in `kid:base64,kid:base64`, first signing; Misconfigured says what is wrong."""
    ring = [_parse_secret_key(entry.strip()) for entry in text.split(",") if entry.strip()]
    if not ring:
        raise Misconfigured(f"{PREFIX}SECRET_KEYS is empty; it takes kid:base64, comma-separated")
    if len({key.kid for key in ring}) < len(ring):
        raise Misconfigured(f"{PREFIX}SECRET_KEYS names a kid twice; every key needs its own")
    return ring


def unknown_settings(environment: Mapping[str, str] = os.environ) -> Sequence[str]:
    """Variables that look like settings of ours and are none."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def deployed_revision(settings: Settings) -> str:
    """What this deployment is called: setting, git commit, or package version."""
    if settings.revision:
        return settings.revision
    checkout = Path(__file__).parents[2]
    if (checkout / ".git").exists():
        command = ["git", "-C", str(checkout), "rev-parse", "--short=12", "HEAD"]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            found = None
        if found and found.returncode == 0:
            return f"partner-api-{found.stdout.strip()}"
    return f"partner-api-{version('partner-api')}"


def _required_secret(name: str, url: SecretStr | None) -> str:
    return _required(name, url.get_secret_value() if url else None)


def _required(name: str, url: str | None) -> str:
    if url is None:
        raise Misconfigured(
            f"{PREFIX}{name} is not set. With a PostgreSQL of your own, set {PREFIX}DATABASE_URL, "
            f"{PREFIX}INGEST_URL and {PREFIX}WORKER_URL, and {PREFIX}OWNER_URL for migrations and "
            "administration; with none of them the server brings its own."
        )
    return url


def _parse_secret_key(entry: str) -> SecretKey:
    kid, _, encoded = entry.partition(":")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        secret = b""
    if not kid or len(secret) < 32:
        raise Misconfigured(
            f"{PREFIX}SECRET_KEYS: each key is kid:base64 of at least 32 random bytes, for example "
            'from: python3 -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
        )
    return SecretKey(kid, secret)
