"""One measurement of everything, as a check-in carries it."""

import json
import re
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from partner_api.agent.measuring import sample as module
from partner_api.agent.measuring.gateway import DefaultRoute
from partner_api.agent.measuring.sample import (
    LARGEST_SAMPLE,
    TRACE_EVERY_SECONDS,
    Plan,
    Sampler,
    cleaned,
    fitted,
)
from partner_api.agent.measuring.targets import Target

Sample = dict[str, Any]

NETWORK_FIELDS = {
    "interface",
    "gateway",
    "latencyMs",
    "jitterMs",
    "packetLossPct",
    "hops",
    "wifi",
}
METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
INTERFACES = [
    {"name": "docker0", "type": "ethernet", "state": "up"},
    {"name": "eth0", "type": "ethernet", "state": "down"},
    {"name": "tun0", "type": "other", "state": "up"},
    {"name": "wlan0", "type": "wifi", "state": "up"},
]


@pytest.fixture
def listener() -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield Target("127.0.0.1", server.getsockname()[1])


class Host:
    """A host that can be read at once, and remembers what was asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.route: DefaultRoute | None = DefaultRoute("wlan0", "192.0.2.1")
        self.traced = 0
        self.wifi_of: list[str] = []
        self.seconds = 1000.0
        monkeypatch.setattr(module, "read_interfaces", lambda: list(INTERFACES))
        monkeypatch.setattr(module, "read_default_route", lambda: self.route)
        monkeypatch.setattr(module, "read_gateway", lambda ip: {"ip": ip, "mac": "a4:2b::"})
        monkeypatch.setattr(module, "addresses_of", lambda _: ["an address"])
        monkeypatch.setattr(module, "probe_target", lambda *_: {"packetLossPct": 0.0})
        monkeypatch.setattr(module, "read_wifi", self._read_wifi)
        monkeypatch.setattr(module, "read_metrics", lambda: {"load1": 0.5})
        monkeypatch.setattr(module, "trace", self._trace)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.seconds))

    def sampler(self, said: list[str] | None = None, *, traceroute: bool = True) -> Sampler:
        complain = (lambda _: None) if said is None else said.append
        return Sampler(Plan(Target("192.0.2.9"), traceroute), complain)

    def _read_wifi(self, interface: str) -> Sample:
        self.wifi_of.append(interface)
        return {"ssid": "Workshop", "rssiDbm": -52.0}

    def _trace(self, _: object) -> list[Sample]:
        self.traced += 1
        return [{"ttl": 1, "ip": "192.0.2.1"}]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def test_this_machine_makes_a_sample_a_server_can_take(listener: Target) -> None:
    said: list[str] = []
    found = Sampler(Plan(listener, traceroute=True), said.append)()
    assert found.keys() <= {"network", "interfaces", "metrics"}
    network = found["network"]
    assert network.keys() <= NETWORK_FIELDS
    assert network["interface"] in {"wifi", "ethernet", "cellular", "other"}
    assert network["packetLossPct"] == 0
    assert 0 < network["latencyMs"] < 500
    assert len(found["metrics"]) <= 64
    assert all(METRIC_NAME.fullmatch(name) for name in found["metrics"])
    assert len(json.dumps(found, allow_nan=False)) < LARGEST_SAMPLE * 1.2
    assert said == []


def test_the_network_is_the_one_of_the_default_route(host: Host) -> None:
    network = host.sampler()()["network"]
    assert network == {
        "interface": "wifi",
        "gateway": {"ip": "192.0.2.1", "mac": "a4:2b::"},
        "packetLossPct": 0.0,
        "hops": [{"ttl": 1, "ip": "192.0.2.1"}],
        "wifi": {"ssid": "Workshop", "rssiDbm": -52.0},
    }
    assert host.wifi_of == ["wlan0"]
    host.route = DefaultRoute("tun0", None)
    network = host.sampler()()["network"]
    assert network["interface"] == "other"
    assert "gateway" not in network
    host.route = None
    assert host.sampler()()["network"]["interface"] == "other"


def test_the_interface_in_use_comes_first_then_those_that_are_up(host: Host) -> None:
    names = [interface["name"] for interface in host.sampler()()["interfaces"]]
    assert names == ["wlan0", "docker0", "tun0", "eth0"]


def test_routes_are_traced_every_quarter_of_an_hour_or_never(host: Host) -> None:
    sampler = host.sampler()
    traced = []
    for _ in range(4):
        traced.append("hops" in sampler()["network"])
        host.seconds += TRACE_EVERY_SECONDS / 2
    assert traced == [True, False, True, False]
    assert "hops" not in host.sampler(traceroute=False)()["network"]


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("read_interfaces", "interfaces"),
        ("read_metrics", "load1"),
        ("read_gateway", "gateway"),
        ("trace", "hops"),
        ("probe_target", "packetLossPct"),
        ("read_wifi", "wifi"),
    ],
)
def test_what_cannot_be_measured_is_left_out_and_told_of_once(
    host: Host, monkeypatch: pytest.MonkeyPatch, name: str, lost: str
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a strange machine")

    whole = json.dumps(host.sampler()())
    monkeypatch.setattr(module, name, fail)
    said: list[str] = []
    sampler = host.sampler(said)
    for _ in range(2):
        found = sampler()
        assert f'"{lost}": ' in whole
        assert f'"{lost}": ' not in json.dumps(found)
        assert found["network"]["interface"] in {"wifi", "other"}
        host.seconds += TRACE_EVERY_SECONDS
    assert len(said) == 1
    assert "a strange machine" in said[0]


def test_a_strange_host_makes_no_check_in_a_server_refuses(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    many: list[Sample] = [{"name": f"v{n}", "type": "other", "state": "up"} for n in range(500)]
    nameless = {"name": "a\nb", "type": "ethernet", "state": "up"}
    many[0] |= {"type": "ethernet", "addresses": [f"10.0.0.{n}" for n in range(100)]}
    monkeypatch.setattr(module, "read_interfaces", lambda: [*INTERFACES, nameless, *many])
    monkeypatch.setattr(module, "read_wifi", lambda _: {"ssid": "a\nb", "rssiDbm": -52.0})
    found = host.sampler()()
    assert found["network"]["wifi"] == {"rssiDbm": -52.0}
    assert 4 < len(found["interfaces"]) <= 64
    assert all("name" in interface for interface in found["interfaces"])
    assert max(len(interface.get("addresses", [])) for interface in found["interfaces"]) == 64
    assert len(json.dumps(found, separators=(",", ":"))) <= LARGEST_SAMPLE


def test_texts_a_server_would_refuse_are_left_out() -> None:
    assert cleaned(
        {
            "network": {"wifi": {"ssid": "a\nb", "bssid": "", "rssiDbm": -52.0}},
            "interfaces": [{"name": "x" * 101, "addresses": ["192.0.2.1/24", "\0"]}],
        }
    ) == {
        "network": {"wifi": {"rssiDbm": -52.0}},
        "interfaces": [{"addresses": ["192.0.2.1/24"]}],
    }


def test_a_sample_that_is_too_large_loses_its_last_interfaces_then_its_last_hops() -> None:
    network = {"interface": "wifi", "hops": [{"ttl": ttl} for ttl in range(1, 11)]}
    interfaces = [{"name": f"veth{n}", "mac": "a4:2b:b0:c9:11:5e"} for n in range(200)]
    found = fitted({"network": network, "interfaces": interfaces})
    assert LARGEST_SAMPLE - 60 < len(json.dumps(found, separators=(",", ":"))) <= LARGEST_SAMPLE
    assert found["interfaces"][-1]["name"] == f"veth{len(found['interfaces']) - 1}"
    assert len(found["network"]["hops"]) == 10
    long = {"network": {"hops": [{"ttl": 1, "ip": "x" * 1000} for _ in range(9)]}}
    assert len(fitted(long)["network"]["hops"]) == 3
