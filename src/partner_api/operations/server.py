"""`partner-api serve`: database, API processes and worker under one supervisor."""

import asyncio
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from partner_api.config import Databases, Settings
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.migrations import upgrade
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import Misconfigured
from partner_api.operations.environment import child_environment, secret_keys, worker_environment
from partner_api.operations.metrics import metrics_served
from partner_api.operations.supervisor import Child, Supervisor

_BACKLOG = 2048
_READY_WITHIN_SECONDS = 120.0

Announce = Callable[[str], None]


@dataclass(frozen=True)
class ServeOptions:
    """Where to listen, with how many processes."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    with_worker: bool = True
    companions: Sequence[Child] = field(default=())

    @property
    def address(self) -> str:
        """Where a client on this machine reaches the server."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def serve(
    settings: Settings,
    databases: Databases,
    cluster: EmbeddedCluster | None,
    options: ServeOptions,
    announce: Announce,
    when_ready: Sequence[str] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; announces `when_ready` once the server answers."""
    listener = _listen(options)
    keys, public_url = secret_keys(settings), settings.public_url or options.address
    _announce_when_ready(options.address, when_ready, announce)
    with listener, metrics_served(settings.metrics_host, settings.metrics_port) as counting:
        environment = {**child_environment(settings, databases, keys, public_url), **counting}
        children = [*_children(options, listener, environment), *options.companions]
        Supervisor(children, cluster, announce).run()


def _children(
    options: ServeOptions, listener: socket.socket, environment: Mapping[str, str]
) -> Sequence[Child]:
    api = Child(
        "api",
        (sys.executable, "-m", "partner_api.app", str(listener.fileno())),
        environment,
        (listener.fileno(),),
    )
    return [api] * options.workers + [*_worker_children(environment)] * options.with_worker


def work(
    settings: Settings,
    databases: Databases,
    cluster: EmbeddedCluster | None,
    announce: Announce,
) -> None:
    """Keep the worker's processes alive until SIGINT or SIGTERM."""
    environment = worker_environment(settings, databases, secret_keys(settings))
    Supervisor(_worker_children(environment), cluster, announce).run()


def _worker_children(environment: Mapping[str, str]) -> Sequence[Child]:
    """The worker's processes: the sweep, the events, the webhooks, telemetry, and all else."""
    works = {
        "sweep": "sweep",
        "events": "events",
        "webhooks": "webhooks",
        "telemetry": "telemetry",
        "worker": "chores",
    }
    return [
        Child(name, (sys.executable, "-m", "partner_api.worker", work), environment)
        for name, work in works.items()
    ]


def migrate_embedded(
    databases: Databases, cluster: EmbeddedCluster | None, clock: Clock, announce: Announce
) -> None:
    """Bring the embedded database up to date; the operator's own is migrated by the operator."""
    if cluster is not None:
        announce("Bringing the database up to date")
        asyncio.run(upgrade(databases, clock.now()))


def _listen(options: ServeOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        raise Misconfigured(
            f"Cannot listen on {options.host}, port {options.port}: {error.strerror}. "
            "Choose another with --port (or PORT= with make)."
        ) from None
    listener.listen(_BACKLOG)
    return listener


def _announce_when_ready(address: str, lines: Sequence[str], announce: Announce) -> None:
    def wait() -> None:
        deadline = time.monotonic() + _READY_WITHIN_SECONDS
        while time.monotonic() < deadline and not _is_ready(address):
            time.sleep(0.2)
        if _is_ready(address):
            for line in lines:
                announce(line)

    threading.Thread(target=wait, name="readiness", daemon=True).start()


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:  # noqa: S310 - http
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
