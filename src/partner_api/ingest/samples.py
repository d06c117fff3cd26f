"""What a check-in says it measured, read and made a sample of.

Bounds stand in the types, where the decoder checks them: a sample costs no more than it must.
"""

import re
from collections.abc import Mapping, Sequence
from math import floor
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from partner_api.kernel.errors import Invalid
from partner_api.kernel.text import is_clean
from partner_api.telemetry.addresses import format_mac, is_interface_address, is_ip, parse_mac
from partner_api.telemetry.types import Hop, Sample

Link = Literal["wifi", "ethernet", "cellular", "other"]
"""What a device may be connected by."""
LINKS: Final = get_args(Link)
OWN_MEASURES: Final = (
    "latencyMs",
    "jitterMs",
    "packetLossPct",
    "wifiRssiDbm",
    "gatewayResponseMs",
    "hops",
)
"""Names that no metric may have: they are read beside metrics."""
NAME: Final = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"
"""What a metric and a counter may be called."""
MOST_HOPS: Final = 32
MOST_NAMED: Final = 64
"""Metrics; interfaces; an interface's addresses; its counters."""
LONGEST_TEXT: Final = 100
LONGEST_MS: Final = 600_000
WEAKEST_DBM: Final = -200
STRONGEST_DBM: Final = 50
HIGHEST_CHANNEL: Final = 1000
FASTEST_MBPS: Final = 1_000_000
HIGHEST_COUNT: Final = 2**63 - 1

Text = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
Milliseconds = Annotated[float, Meta(ge=0, le=LONGEST_MS)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Dbm = Annotated[float, Meta(ge=WEAKEST_DBM, le=STRONGEST_DBM)]
Count = Annotated[int, Meta(ge=0, le=HIGHEST_COUNT)]
Metrics = Annotated[dict[str, float], Meta(max_length=MOST_NAMED)]


class WireHop(Struct):
    """One router on the way to the target."""

    ttl: Annotated[int, Meta(ge=1, le=255)]
    ip: Text | None = None
    latencyMs: Milliseconds | None = None
    lossPct: Percent | None = None


class WireGateway(Struct, omit_defaults=True):
    """The router nearest to the device."""

    ip: Text
    mac: Text
    responseMs: Milliseconds | None = None


class WireWifi(Struct, omit_defaults=True):
    """The radio link."""

    ssid: Text | None = None
    bssid: Text | None = None
    rssiDbm: Dbm | None = None
    noiseDbm: Dbm | None = None
    channel: Annotated[int, Meta(ge=1, le=HIGHEST_CHANNEL)] | None = None
    band: Text | None = None
    rateMbps: Annotated[float, Meta(ge=0, le=FASTEST_MBPS)] | None = None


class WireNetwork(Struct, omit_defaults=True):
    """The way to the target, and how it fares."""

    interface: Text
    publicIp: Text | None = None
    gateway: WireGateway | None = None
    latencyMs: Milliseconds | None = None
    jitterMs: Milliseconds | None = None
    packetLossPct: Percent | None = None
    hops: Annotated[list[WireHop], Meta(max_length=MOST_HOPS)] | None = None
    wifi: WireWifi | None = None


class WireInterface(Struct, omit_defaults=True):
    """One of the device's network interfaces."""

    name: Text
    type: Text
    mac: Text | None = None
    addresses: Annotated[list[Text], Meta(max_length=MOST_NAMED)] | None = None
    state: Text | None = None
    counters: Annotated[dict[str, Count], Meta(max_length=MOST_NAMED)] | None = None


WireInterfaces = Annotated[list[WireInterface], Meta(max_length=MOST_NAMED)]

_fits = re.compile(NAME).fullmatch
_encode = msgspec.json.Encoder().encode


def make_sample(
    network: WireNetwork | None,
    interfaces: Sequence[WireInterface] | None,
    metrics: Mapping[str, float] | None,
) -> Sample:
    """What was measured; Invalid names the first field that is not acceptable.

    The parts are used up: what is stored elsewhere is taken out of them.
    """
    if metrics:
        _check_metrics(metrics)
    measured = Sample(
        metrics=metrics or {}, interfaces=None if interfaces is None else _listed(interfaces)
    )
    return measured if network is None else _with_network(measured, network)


def _check_metrics(metrics: Mapping[str, float]) -> None:
    _check_names("metrics", metrics)
    for name in OWN_MEASURES:
        if name in metrics:
            raise Invalid(f"metrics must not have {name}, which is a name of our own")


def _check_names(field: str, named: Mapping[str, object]) -> None:
    if not all(map(_fits, named)):
        raise Invalid(
            f"{field} must have names of 1 to 64 letters, digits, '_', '.' and '-', a letter first"
        )


def _listed(interfaces: Sequence[WireInterface]) -> str:
    for index, interface in enumerate(interfaces):
        field = f"interfaces[{index}]"
        _check_text(field, "name", interface.name)
        _check_text(field, "type", interface.type)
        _check_text(field, "state", interface.state)
        if interface.mac is not None:
            interface.mac = format_mac(_mac(f"{field}.mac", interface.mac))
        if interface.counters:
            _check_names(f"{field}.counters", interface.counters)
        if not all(map(is_interface_address, interface.addresses or ())):
            raise Invalid(f"{field}.addresses must be IP addresses such as 192.0.2.4/24")
    return _encode(interfaces).decode()


def _with_network(measured: Sample, network: WireNetwork) -> Sample:
    if network.interface not in LINKS:
        raise Invalid(f"network.interface must be one of {', '.join(LINKS)}")
    _check_ip("network.publicIp", network.publicIp)
    gateway, wifi = network.gateway, network.wifi
    return Sample(
        _thousandths(network.latencyMs),
        _thousandths(network.jitterMs),
        _thousandths(network.packetLossPct),
        None if gateway is None else _thousandths(gateway.responseMs),
        None if wifi is None else _thousandths(wifi.rssiDbm),
        _hops(network.hops) if network.hops else (),
        measured.metrics,
        None if gateway is None else _gateway_mac(gateway),
        _rarely_changing(network),
        measured.interfaces,
    )


def _thousandths(value: float | None) -> int | None:
    """Rounded half up, as the number was written.

    What is written as 0.5005 makes a little less than 500.5 as a double, times a thousand. Two
    units in the last place make up for that, and are too little to lift any other number of up to
    15 digits.
    """
    if value is None:
        return None
    scaled = value * 1000
    return floor(scaled + abs(scaled) * 2**-51 + 0.5)


def _hops(hops: Sequence[WireHop]) -> Sequence[Hop]:
    for index, hop in enumerate(hops):
        _check_ip(f"network.hops[{index}].ip", hop.ip)
    if len({hop.ttl for hop in hops}) < len(hops):
        raise Invalid("network.hops must have each ttl once")
    return [
        Hop(hop.ttl, hop.ip, _to_a_thousandth(hop.latencyMs), _to_a_thousandth(hop.lossPct))
        for hop in hops
    ]


def _to_a_thousandth(value: float | None) -> float | None:
    whole = _thousandths(value)
    return None if whole is None else whole / 1000


def _gateway_mac(gateway: WireGateway) -> int:
    _check_ip("network.gateway.ip", gateway.ip)
    mac = _mac("network.gateway.mac", gateway.mac)
    gateway.mac = format_mac(mac)
    return mac


def _rarely_changing(network: WireNetwork) -> str:
    network.latencyMs = network.jitterMs = network.packetLossPct = network.hops = None
    if network.gateway is not None:
        network.gateway.responseMs = None
    if network.wifi is not None:
        network.wifi.rssiDbm = None
        _check_wifi(network.wifi)
    return _encode(network).decode()


def _check_wifi(wifi: WireWifi) -> None:
    _check_text("network.wifi", "ssid", wifi.ssid)
    _check_text("network.wifi", "band", wifi.band)
    if wifi.bssid is not None:
        wifi.bssid = format_mac(_mac("network.wifi.bssid", wifi.bssid))


def _check_ip(field: str, value: str | None) -> None:
    if value is not None and not is_ip(value):
        raise Invalid(f"{field} must be an IPv4 or IPv6 address")


def _mac(field: str, value: str) -> int:
    mac = parse_mac(value)
    if mac is None:
        raise Invalid(f"{field} must be a MAC address such as 00:00:5e:00:53:01")
    return mac


def _check_text(part: str, field: str, value: str | None) -> None:
    if value is not None and not is_clean(value):
        raise Invalid(f"{part}.{field} must not contain control characters")
