"""The routers on the way to a host, found without privileges, which Linux alone permits.

A UDP packet whose time to live ends at the n-th router makes that router say so by ICMP, and Linux
hands such errors to the socket that sent the packet: see ip(7), IP_RECVERR.
"""

import contextlib
import platform
import select
import socket
import statistics
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from partner_api.agent.measuring.probes import Address

MOST_HOPS = 32
WITHIN_SECONDS = 12.0
"""How long tracing takes at most, but for the last answers."""

_WINDOW = 4
_ROUNDS = 3
_SILENT_HOPS = 8
_ANSWER_SECONDS = 0.8
# Where traceroute has always sent to, because nobody listens there.
_FIRST_PORT = 33434
# From linux/in.h and linux/in6.h; the library does not name them.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_ERROR = struct.Struct("=IBBBxII")
_FROM_ICMP, _FROM_ICMP6 = 2, 3
_TIME_EXCEEDED = {(_FROM_ICMP, 11), (_FROM_ICMP6, 3)}
_SOCKADDR_IN, _SOCKADDR_IN6 = struct.Struct("=H2x4s"), struct.Struct("=H2xI16s")


@dataclass(frozen=True)
class Report:
    """What one router said; `is_end` when the packet went no further for another reason."""

    ip: str
    is_end: bool
    latency_ms: float = 0.0


Reports = Mapping[int, Sequence[Report]]
"""What was said at each time to live."""


def trace(address: Address) -> Sequence[dict[str, Any]] | None:
    """The hops as the wire has them; None where the system has no way to tell."""
    if platform.system() != "Linux":
        return None
    deadline = time.monotonic() + WITHIN_SECONDS
    hops: list[dict[str, Any]] = []
    for first in range(1, MOST_HOPS + 1, _WINDOW):
        ttls = range(first, min(first + _WINDOW, MOST_HOPS + 1))
        reports, rounds = _ask(address, ttls)
        end = next((ttl for ttl in ttls if any(said.is_end for said in reports[ttl])), None)
        hops += [hop(ttl, reports[ttl], rounds) for ttl in ttls if end is None or ttl <= end]
        silent = not any("ip" in known for known in hops[-_SILENT_HOPS:])
        if end is not None or time.monotonic() > deadline or (silent and first > _WINDOW):
            break
    return without_silent_end(hops)


def hop(ttl: int, reports: Sequence[Report], asked: int) -> dict[str, Any]:
    """One hop as the wire has it; a silent router has lost everything and has no address."""
    loss = {"ttl": ttl, "lossPct": round(100 * (asked - len(reports)) / asked, 1)}
    if not reports:
        return loss
    latency = round(statistics.median(said.latency_ms for said in reports), 3)
    return {**loss, "ip": reports[0].ip, "latencyMs": latency}


def without_silent_end(hops: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """The hops up to the last that answered: what lies behind it is not known to be there."""
    known = [number for number, at in enumerate(hops, 1) if "ip" in at]
    return hops[: max(known, default=0)]


def parse_error(data: bytes) -> Report | None:
    """The report in a `sock_extended_err` and the address behind it; None if none is from ICMP."""
    if len(data) < _ERROR.size:
        return None
    _, origin, kind, _, _, _ = _ERROR.unpack_from(data)
    ip = _offender(data[_ERROR.size :])
    if origin not in {_FROM_ICMP, _FROM_ICMP6} or ip is None:
        return None
    return Report(ip, (origin, kind) not in _TIME_EXCEEDED)


def _offender(data: bytes) -> str | None:
    for family, layout in ((socket.AF_INET, _SOCKADDR_IN), (socket.AF_INET6, _SOCKADDR_IN6)):
        if len(data) >= layout.size and layout.unpack_from(data)[0] == family:
            return socket.inet_ntop(family, layout.unpack_from(data)[-1])
    return None


def _ask(address: Address, ttls: Sequence[int]) -> tuple[Reports, int]:
    """What routers say in several rounds, and in how many: no more where all are silent.

    Never many at once, and none beyond the end: hosts limit how fast they send ICMP errors, and
    what they hold back would look like loss.
    """
    reports: dict[int, list[Report]] = {ttl: [] for ttl in ttls}
    asked, rounds = ttls, 0
    while rounds < _ROUNDS:
        rounds += 1
        for ttl, report in _round(address, asked):
            reports[ttl].append(report)
        if not any(reports.values()):
            break
        end = next((ttl for ttl in ttls if any(said.is_end for said in reports[ttl])), ttls[-1])
        asked = [ttl for ttl in ttls if ttl <= end]
    return reports, rounds


def _round(address: Address, ttls: Sequence[int]) -> Iterator[tuple[int, Report]]:
    with contextlib.ExitStack() as stack:
        waiting: dict[int, tuple[int, socket.socket, float]] = {}
        poll = select.poll()
        for ttl in ttls:
            opened = stack.enter_context(_open(address, ttl))
            # Errors wake a poll without being asked for.
            poll.register(opened, 0)
            waiting[opened.fileno()] = (ttl, opened, time.perf_counter())
            with contextlib.suppress(OSError):
                opened.sendto(b"", (address.location[0], _FIRST_PORT + ttl, *address.location[2:]))
        deadline = time.perf_counter() + _ANSWER_SECONDS
        while waiting and (left := deadline - time.perf_counter()) > 0:
            for number, _ in poll.poll(1000 * left):
                poll.unregister(number)
                ttl, opened, sent_at = waiting.pop(number)
                milliseconds = 1000 * (time.perf_counter() - sent_at)
                report = _received(opened)
                if report is not None:
                    yield ttl, Report(report.ip, report.is_end, milliseconds)


def _open(address: Address, ttl: int) -> socket.socket:
    opened = socket.socket(address.family, socket.SOCK_DGRAM)
    opened.setblocking(False)
    if address.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    else:
        opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    return opened


def _received(opened: socket.socket) -> Report | None:
    try:
        _, ancillary, _, _ = opened.recvmsg(0, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return None
    found = (parse_error(data) for _, _, data in ancillary)
    return next(filter(None, found), None)
