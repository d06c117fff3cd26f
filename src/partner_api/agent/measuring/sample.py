"""One measurement of everything, as a check-in carries it."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from partner_api.agent.measuring.gateway import DefaultRoute, read_default_route, read_gateway
from partner_api.agent.measuring.interfaces import Interface, read_interfaces
from partner_api.agent.measuring.metrics import cpu_used, read_cpu_times, read_metrics
from partner_api.agent.measuring.probes import addresses_of, probe_target
from partner_api.agent.measuring.route import trace
from partner_api.agent.measuring.targets import Target
from partner_api.agent.measuring.wifi import read_wifi
from partner_api.kernel.text import is_clean

LARGEST_SAMPLE = 4000
"""Bytes of JSON: beside it a check-in is far below what a server takes and a spool holds."""
TRACE_EVERY_SECONDS = 900

_LONGEST_TEXT = 100
# Interfaces, and addresses of each.
_MOST = 64
_NETWORKS = {"wifi", "ethernet", "cellular"}

Sample = dict[str, Any]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    target: Target
    traceroute: bool


class Sampler:
    """Measures whenever it is called; `complain` hears once of each thing that cannot be."""

    def __init__(self, plan: Plan, complain: Callable[[str], None]) -> None:
        self._plan = plan
        self._complain = complain
        self._complaints: set[str] = set()
        self._traced_at: float | None = None
        self._cpu_times = self._tried("processors", read_cpu_times)

    def __call__(self) -> Sample:
        """Everything there is to measure now, within half a minute."""
        interfaces = self._tried("interfaces", read_interfaces) or []
        route = self._tried("default route", read_default_route)
        network = self._network(interfaces, route)
        sample: Sample = {"network": network, "metrics": self._metrics()}
        if interfaces:
            sample["interfaces"] = _best_first(interfaces, route)
        return fitted(cleaned(sample))

    def _network(self, interfaces: Sequence[Interface], route: DefaultRoute | None) -> Sample:
        kinds = {interface["name"]: interface["type"] for interface in interfaces}
        used = kinds.get(route.interface) if route else None
        network: Sample = {"interface": used if used in _NETWORKS else "other"}
        if route and (gateway_ip := route.gateway):
            network["gateway"] = self._tried("gateway", lambda: read_gateway(gateway_ip))
        network |= self._tried("target", self._measured_target) or {}
        wireless = _wireless(kinds, route)
        if wireless:
            network["wifi"] = self._tried("Wi-Fi", lambda: read_wifi(wireless))
        return {name: value for name, value in network.items() if value is not None}

    def _measured_target(self) -> Sample:
        addresses = addresses_of(self._plan.target)
        measured: Sample = dict(probe_target(self._plan.target, addresses))
        if addresses and self._is_time_to_trace():
            hops = self._tried("traceroute", lambda: trace(addresses[0]))
            if hops:
                measured["hops"] = hops
        return measured

    def _is_time_to_trace(self) -> bool:
        now = time.monotonic()
        if not self._plan.traceroute or (
            self._traced_at is not None and now - self._traced_at < TRACE_EVERY_SECONDS
        ):
            return False
        self._traced_at = now
        return True

    def _metrics(self) -> dict[str, float]:
        earlier, self._cpu_times = self._cpu_times, self._tried("processors", read_cpu_times)
        return (self._tried("metrics", read_metrics) or {}) | cpu_used(earlier, self._cpu_times)

    def _tried(self, what: str, read: Callable[[], Found]) -> Found | None:
        try:
            return read()
        except Exception as error:  # noqa: BLE001 - systems differ, and the rest is still worth it
            if what not in self._complaints:
                self._complaints.add(what)
                self._complain(f"Cannot measure {what}: {error or type(error).__name__}")
            return None


def cleaned(value: Any) -> Any:
    """Without the texts that a server would refuse, wherever they are."""
    if isinstance(value, dict):
        return {name: cleaned(item) for name, item in value.items() if _is_sendable(item)}
    if isinstance(value, list):
        return [cleaned(item) for item in value if _is_sendable(item)]
    return value


def fitted(sample: Sample) -> Sample:
    """Without the last interfaces, and if need be the last hops, while it is too large."""
    network = sample.get("network", {})
    for items in (sample.get("interfaces", []), network.get("hops", [])):
        while items and len(json.dumps(sample, separators=(",", ":"))) > LARGEST_SAMPLE:
            items.pop()
    return sample


def _is_sendable(value: object) -> bool:
    return not isinstance(value, str) or (is_clean(value) and 0 < len(value) <= _LONGEST_TEXT)


def _wireless(kinds: dict[str, str], route: DefaultRoute | None) -> str | None:
    names = [name for name, kind in kinds.items() if kind == "wifi"]
    if route and route.interface in names:
        return route.interface
    return names[0] if names else None


def _best_first(interfaces: Sequence[Interface], route: DefaultRoute | None) -> list[Interface]:
    used = route.interface if route else None
    # Without its name the rest of an interface is nobody's.
    named = [interface for interface in interfaces if _is_sendable(interface["name"])]
    best = sorted(
        named,
        key=lambda interface: (
            interface["name"] != used,
            interface["state"] != "up",
            interface["type"] not in _NETWORKS,
            interface["name"],
        ),
    )
    return [_with_few_addresses(interface) for interface in best[:_MOST]]


def _with_few_addresses(interface: Interface) -> Interface:
    if "addresses" not in interface:
        return interface
    return {**interface, "addresses": interface["addresses"][:_MOST]}
