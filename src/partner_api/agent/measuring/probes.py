"""Round trips to a host: how long they take, how much that varies, how many are lost."""

import secrets
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from partner_api.agent.measuring.echo import echo_request, is_reply
from partner_api.agent.measuring.targets import Target

PROBES = 5
ANSWER_WITHIN_SECONDS = 1.0
"""An answer that takes longer counts as lost."""

_PAUSE_SECONDS = 0.2
_USUAL_PORT = 443
_LARGEST_REPLY = 1024

Probe = Callable[[], float | None]
"""Makes one round trip; its milliseconds, or None without an answer."""


@dataclass(frozen=True)
class Address:
    """A host as sockets name it; the port is 0 where none is meant."""

    family: socket.AddressFamily
    location: Any
    """What `connect` takes; the first of it is the IP address."""


def addresses_of(target: Target) -> Sequence[Address]:
    """The addresses of a host, the one to try first in front; none when its name is unknown."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [Address(family, location) for family, _, _, _, location in found]


def probe_target(target: Target, addresses: Sequence[Address]) -> dict[str, float]:
    """Latency, jitter and loss as the wire names them."""
    probes = [_probe_of(target, address) for address in addresses]
    if not probes:
        # A name that cannot be looked up is a host that cannot be reached.
        return summary([None])
    return summary(repeated(_answering(probes), PROBES))


def summary(trips: Sequence[float | None]) -> dict[str, float]:
    """What round trips amount to; what cannot be told from so few answers is left out.

    Jitter is the mean difference, regardless of sign, between consecutive answers: the D of
    RFC 3550, section 6.4.1, averaged plainly instead of with that section's gain of 1/16, since a
    few probes are no stream.
    """
    answers = [trip for trip in trips if trip is not None]
    measures = {"packetLossPct": round(100 * (len(trips) - len(answers)) / len(trips), 1)}
    if answers:
        measures["latencyMs"] = round(statistics.median(answers), 3)
    if len(answers) > 1:
        steps = [abs(later - earlier) for earlier, later in pairwise(answers)]
        measures["jitterMs"] = round(statistics.fmean(steps), 3)
    return measures


def repeated(probe: Probe, times: int) -> Sequence[float | None]:
    """Several round trips, with pauses between them."""
    trips = []
    for number in range(times):
        if number:
            time.sleep(_PAUSE_SECONDS)
        trips.append(probe())
    return trips


def may_ping(family: socket.AddressFamily) -> bool:
    """Whether the system lets this account send ICMP echo requests without privileges."""
    try:
        _open_icmp(family).close()
    except OSError:
        return False
    return True


def ping(address: Address) -> float | None:
    """One ICMP echo request; OSError when the system does not allow it."""
    ipv6 = address.family == socket.AF_INET6
    sequence, payload = secrets.randbelow(1 << 16), secrets.token_bytes(16)
    with _open_icmp(address.family) as opened:
        started = time.perf_counter()
        deadline = started + ANSWER_WITHIN_SECONDS
        try:
            opened.sendto(echo_request(sequence, payload, ipv6=ipv6), address.location)
            while (left := deadline - time.perf_counter()) > 0:
                opened.settimeout(left)
                packet = opened.recv(_LARGEST_REPLY)
                if is_reply(packet, sequence, payload, ipv6=ipv6):
                    return _milliseconds_since(started)
        except OSError:
            # No route, or nothing came in time.
            return None
    return None


def connect(address: Address, port: int) -> float | None:
    """One TCP connect; a refusal is an answer, for the host gave it."""
    with socket.socket(address.family, socket.SOCK_STREAM) as opened:
        opened.settimeout(ANSWER_WITHIN_SECONDS)
        started = time.perf_counter()
        try:
            opened.connect((address.location[0], port, *address.location[2:]))
        except ConnectionError:
            pass
        except OSError:
            return None
        return _milliseconds_since(started)


def _probe_of(target: Target, address: Address) -> Probe:
    if target.port is None and may_ping(address.family):
        return partial(ping, address)
    return partial(connect, address, target.port or _USUAL_PORT)


def _answering(probes: Sequence[Probe]) -> Probe:
    # A name may stand for an address of a protocol that does not work here; requests, too, go to
    # the first that answers.
    if len(probes) == 1:
        return probes[0]
    return next((probe for probe in probes if probe() is not None), probes[0])


def _open_icmp(family: socket.AddressFamily) -> socket.socket:
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    return socket.socket(family, socket.SOCK_DGRAM, protocol)


def _milliseconds_since(started: float) -> float:
    return 1000 * (time.perf_counter() - started)
