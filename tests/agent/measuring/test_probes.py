"""Round trips to hosts on loopback that answer, refuse, or keep silent."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from partner_api.agent.measuring import probes
from partner_api.agent.measuring.probes import (
    PROBES,
    Address,
    addresses_of,
    may_ping,
    ping,
    probe_target,
    summary,
)
from partner_api.agent.measuring.targets import Target
from tests.blackbox.server import free_port

PING_GROUPS = Path("/proc/sys/net/ipv4/ping_group_range")


@contextmanager
def listening(backlog: int = 16) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server


@contextmanager
def silent_port() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops what else asks for one."""
    with listening(backlog=0) as server:
        location = server.getsockname()
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(location)
        try:
            yield location[1]
        finally:
            for caller in callers:
                caller.close()


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_PAUSE_SECONDS", 0.0)


def measured(target: Target) -> dict[str, float]:
    return probe_target(target, addresses_of(target))


def assert_answered(measures: dict[str, float]) -> None:
    assert measures.keys() == {"packetLossPct", "latencyMs", "jitterMs"}
    assert measures["packetLossPct"] == 0
    assert 0 < measures["latencyMs"] < 500


def test_a_listener_answers_every_probe_and_is_connected_to_no_more_than_that() -> None:
    with listening() as server:
        assert_answered(measured(Target("127.0.0.1", server.getsockname()[1])))
        server.settimeout(0.2)
        for _ in range(PROBES):
            caller, _ = server.accept()
            assert caller.recv(1) == b""
            caller.close()
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_refusal_is_an_answer() -> None:
    assert_answered(measured(Target("127.0.0.1", free_port())))


def test_a_silent_target_has_lost_everything_and_has_no_latency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probes, "ANSWER_WITHIN_SECONDS", 0.05)
    with silent_port() as port:
        assert measured(Target("127.0.0.1", port)) == {"packetLossPct": 100}


def test_a_name_nobody_knows_is_a_host_that_cannot_be_reached() -> None:
    for name in ("host.invalid", "x" * 300, "a..b"):
        assert measured(Target(name, 443)) == {"packetLossPct": 100}


def test_the_address_that_answers_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "ANSWER_WITHIN_SECONDS", 0.05)
    with silent_port() as port:
        silent = Address(socket.AF_INET, ("127.0.0.1", port))
        answering = Address(socket.AF_INET, ("127.0.0.2", port))
        target = Target("two.example.com", port)
        assert_answered(probe_target(target, [silent, answering]))
        assert probe_target(target, [silent, silent]) == {"packetLossPct": 100}


@pytest.mark.parametrize(
    ("family", "ip"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_the_machine_answers_its_own_ping(family: socket.AddressFamily, ip: str) -> None:
    if not may_ping(family):
        pytest.skip(f"{PING_GROUPS} leaves this account out")
    (address, *_) = addresses_of(Target(ip))
    trip = ping(address)
    assert trip is not None
    assert 0 < trip < 500


def test_without_a_port_a_host_is_pinged_where_that_is_allowed_and_else_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(probes, "ping", lambda *asks: asked.append(asks[1:]))
    monkeypatch.setattr(probes, "connect", lambda *asks: asked.append(asks[1:]))
    for allowed in (True, False):
        monkeypatch.setattr(probes, "may_ping", lambda _, allowed=allowed: allowed)
        measured(Target("127.0.0.1"))
        measured(Target("127.0.0.1", 8443))
    assert asked == [*[()] * PROBES, *[(8443,)] * PROBES, *[(443,)] * PROBES, *[(8443,)] * PROBES]


@pytest.mark.parametrize(
    ("trips", "measures"),
    [
        ([10.0, 30.0, 11.0], {"packetLossPct": 0, "latencyMs": 11, "jitterMs": 19.5}),
        ([10.0, None, 30.0, None], {"packetLossPct": 50, "latencyMs": 20, "jitterMs": 20}),
        ([None, 10.0, None], {"packetLossPct": 66.7, "latencyMs": 10}),
        ([None], {"packetLossPct": 100}),
    ],
)
def test_round_trips_make_median_mean_difference_and_loss(
    trips: list[float | None], measures: dict[str, float]
) -> None:
    assert summary(trips) == measures
