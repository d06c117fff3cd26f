"""The embedded cluster's passwords: drawn once, kept in one file that is ours alone."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from secrets import token_urlsafe
from tempfile import NamedTemporaryFile
from typing import Self
from urllib.parse import quote

from partner_api.config import Databases
from partner_api.database.cluster_layout import PORT
from partner_api.kernel.errors import Misconfigured

DATABASE = "partner_api"
OWNER = "partner_api_owner"


@dataclass(frozen=True)
class Secrets:
    """One password for each login; letters, digits, hyphen and underscore only."""

    postgres: str = field(repr=False)
    owner: str = field(repr=False)
    api: str = field(repr=False)
    ingest: str = field(repr=False)
    worker: str = field(repr=False)

    @classmethod
    def load(cls, file: Path) -> Self:
        """The passwords of a cluster that exists."""
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            problem = "is missing"
        except (TypeError, ValueError):
            problem = "cannot be read"
        raise Misconfigured(
            f"{file}, which holds the embedded PostgreSQL's passwords, {problem}. Restore it from "
            f"a backup; to begin anew, move {file.parent} away."
        )

    @classmethod
    def create(cls, file: Path) -> Self:
        """New passwords for a new cluster, on disk before the cluster is."""
        fresh = cls(**{login.name: token_urlsafe(32) for login in fields(cls)})
        # A temporary file is born with mode 0600, before it has any content.
        with NamedTemporaryFile("w", dir=file.parent, delete=False) as unfinished:
            json.dump(asdict(fresh), unfinished, indent=2)
            unfinished.flush()
            os.fsync(unfinished.fileno())
        Path(unfinished.name).replace(file)
        _sync_folder(file.parent)
        return fresh

    def admin_url(self, socket_folder: Path) -> str:
        """The superuser's URL, to the database that is always there."""
        return _url("postgres", self.postgres, "postgres", socket_folder)

    def databases(self, socket_folder: Path) -> Databases:
        """The URLs of everybody else; migrations make all logins but the owner's."""
        return Databases(
            api=_url("partner_api", self.api, DATABASE, socket_folder),
            ingest=_url("partner_api_ingest", self.ingest, DATABASE, socket_folder),
            worker=_url("partner_api_worker", self.worker, DATABASE, socket_folder),
            owner=_url(OWNER, self.owner, DATABASE, socket_folder),
        )


def _url(user: str, password: str, database: str, socket_folder: Path) -> str:
    # The port is spelled out because clients would otherwise obey a PGPORT in the environment.
    host = quote(os.fsencode(socket_folder))
    return f"postgresql://{user}:{password}@/{database}?port={PORT}&host={host}"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
