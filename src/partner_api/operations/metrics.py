"""Prometheus metrics on a port of their own, added up over all processes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from partner_api.kernel.errors import Misconfigured

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def metrics_served(host: str, port: int | None) -> Iterator[dict[str, str]]:
    """Serve `/metrics` while children count; gives what their environment needs.

    Without a port nothing is served and nothing is kept.
    """
    if port is None:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="partner-api-metrics-") as folder:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise Misconfigured(
                f"Cannot serve metrics on port {port}: {error.strerror}. "
                "Choose another with PARTNER_API_METRICS_PORT."
            ) from None
        try:
            yield {VARIABLE: folder}
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
