"""What one check-in measured, as it goes from the parser to the database.

Structs, because a frozen dataclass takes eight times as long to make.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct


class Hop(Struct, frozen=True, array_like=True):
    """One router on the way, or one that did not answer."""

    ttl: int
    ip: str | None = None
    latency_ms: float | None = None
    loss_pct: float | None = None


class Sample(Struct, frozen=True):
    """What a device measured at one moment; measures are whole thousandths of their unit."""

    latency: int | None = None
    jitter: int | None = None
    loss: int | None = None
    """Of a percent."""
    gateway_response: int | None = None
    wifi_rssi: int | None = None
    hops: Sequence[Hop] = ()
    metrics: Mapping[str, float] = {}
    gateway_mac: int | None = None
    """48 bits."""
    network: str | None = None
    """The `network` of the check-in as JSON text, without what stands above: it rarely changes."""
    interfaces: str | None = None
    """The `interfaces` of the check-in as JSON text."""
