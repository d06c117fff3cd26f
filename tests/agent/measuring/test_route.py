"""The routers on the way."""

import platform
import socket
import struct

import pytest

from partner_api.agent.measuring import route
from partner_api.agent.measuring.probes import addresses_of
from partner_api.agent.measuring.route import (
    MOST_HOPS,
    Report,
    hop,
    parse_error,
    trace,
    without_silent_end,
)
from partner_api.agent.measuring.targets import Target

LOOPBACK = addresses_of(Target("127.0.0.1"))[0]
ROUTER = struct.pack("=H2x4s8x", socket.AF_INET, socket.inet_aton("192.0.2.1"))
ROUTER_6 = struct.pack(
    "=H2xI16sI", socket.AF_INET6, 0, socket.inet_pton(socket.AF_INET6, "2001:db8::1"), 0
)


def extended_error(origin: int, kind: int, code: int, offender: bytes) -> bytes:
    """As the kernel hands it out: errno, origin, type, code, and who said so."""
    return struct.pack("=IBBBxII", 113, origin, kind, code, 0, 0) + offender


@pytest.mark.parametrize(
    ("data", "report"),
    [
        (extended_error(2, 11, 0, ROUTER), Report("192.0.2.1", is_end=False)),
        (extended_error(2, 3, 3, ROUTER), Report("192.0.2.1", is_end=True)),
        (extended_error(2, 3, 13, ROUTER), Report("192.0.2.1", is_end=True)),
        (extended_error(3, 3, 0, ROUTER_6), Report("2001:db8::1", is_end=False)),
        (extended_error(3, 1, 4, ROUTER_6), Report("2001:db8::1", is_end=True)),
        (extended_error(1, 0, 0, ROUTER), None),
        (extended_error(2, 11, 0, bytes(16)), None),
        (extended_error(2, 11, 0, b""), None),
        (b"\0" * 8, None),
    ],
)
def test_an_error_names_a_router_and_whether_the_way_ends_there(
    data: bytes, report: Report | None
) -> None:
    assert parse_error(data) == report


def test_a_hop_has_the_median_of_its_answers_and_their_loss() -> None:
    answers = [Report("192.0.2.1", False, latency) for latency in (4.0, 2.0)]
    known = {"ttl": 3, "lossPct": 33.3, "ip": "192.0.2.1", "latencyMs": 3.0}
    assert hop(3, answers, asked=3) == known
    assert hop(4, [], asked=1) == {"ttl": 4, "lossPct": 100}


def test_silence_counts_between_hops_and_not_behind_them() -> None:
    silent, known = {"ttl": 1, "lossPct": 100.0}, {"ttl": 2, "ip": "192.0.2.1"}
    assert without_silent_end([silent, known, silent, silent]) == [silent, known]
    assert without_silent_end([silent, silent]) == []


@pytest.mark.skipif(platform.system() != "Linux", reason="other systems have no such errors")
@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_this_machine_is_its_own_first_hop(ip: str) -> None:
    found = trace(addresses_of(Target(ip))[0])
    assert found is not None
    (only,) = found
    assert 0 < only.pop("latencyMs") < 500
    assert only == {"ttl": 1, "ip": ip, "lossPct": 0}


def test_a_way_without_end_has_no_more_hops_than_a_check_in_may_carry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        route, "_round", lambda _, ttls: [(ttl, Report("192.0.2.1", False, 1.0)) for ttl in ttls]
    )
    found = trace(LOOPBACK)
    assert found is not None
    assert [at["ttl"] for at in found] == list(range(1, MOST_HOPS + 1))


def test_a_way_that_falls_silent_is_not_followed_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def only_the_first(_: object, ttls: list[int]) -> list[tuple[int, Report]]:
        asked.extend(ttls)
        return [(1, Report("192.0.2.1", False, 1.0))] if 1 in ttls else []

    monkeypatch.setattr(route, "_round", only_the_first)
    found = trace(LOOPBACK)
    assert found == [{"ttl": 1, "ip": "192.0.2.1", "latencyMs": 1.0, "lossPct": 0.0}]
    assert max(asked) == 12


def test_a_way_that_takes_too_long_is_told_as_far_as_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(route, "WITHIN_SECONDS", -1.0)
    monkeypatch.setattr(
        route, "_round", lambda _, ttls: [(ttl, Report("192.0.2.1", False, 1.0)) for ttl in ttls]
    )
    found = trace(LOOPBACK)
    assert found is not None
    assert len(found) == 4


def test_nothing_is_asked_beyond_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def ends_at_2(_: object, ttls: list[int]) -> list[tuple[int, Report]]:
        asked.append(list(ttls))
        return [(ttl, Report(f"192.0.2.{min(ttl, 2)}", ttl >= 2, 1.0)) for ttl in ttls]

    monkeypatch.setattr(route, "_round", ends_at_2)
    found = trace(LOOPBACK)
    assert found is not None
    assert [at["ip"] for at in found] == ["192.0.2.1", "192.0.2.2"]
    assert asked == [[1, 2, 3, 4], [1, 2], [1, 2]]
