"""Where webhooks may go: nowhere that only this server's own networks can reach.

A webhook's address is chosen by a customer and called from inside the operator's network, so it is
hostile until shown otherwise. Its text is taken in one spelling only; what its host resolves to
decides, when the webhook is registered and again whenever a connection is made.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import idna

from partner_api.kernel.errors import Invalid

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

LONGEST_URL = 2048
_LONGEST_NAME = 253
_DEFAULT_PORTS = {"https": 443, "http": 80}

# RFC 3986 without user name and fragment, which have sentences of their own. What is behind the
# host is sent as it was written.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[^\[\]/?#@:%\\\s]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:[/?](?:[a-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9a-f]{2})*)?)",
    re.ASCII | re.IGNORECASE,
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
# What browsers and resolvers read as a number: 127.1, 0x7f000001, 017700000001.
_NUMBER_AT_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)

# From the registries of special-purpose addresses of IANA (RFC 6890). The `ipaddress` module has
# them too, and every version of Python its own idea of which are global.
_NOT_PUBLIC_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network; 0.0.0.0 connects to this machine
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carrier-grade NAT
            "127.0.0.0/8",  # loopback
            # What Azure's machines ask about themselves; elsewhere nobody answers there.
            "168.63.129.16/32",
            "169.254.0.0/16",  # link-local, with the metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# Everything else in IPv6 is loopback, local, mapped, multicast or not assigned.
_GLOBAL_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which carries any IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
# Networks without IPv4 reach all of it through NAT64; the last 32 bits say whom.
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """A webhook's URL, taken apart: one way to write it, one way to read it."""

    scheme: str
    host: str
    """A name in lower-case ASCII, or an IP address without brackets."""
    port: int
    target: str
    """Path and query, as they were written."""

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True)
class AllowedAddresses:
    """Public ones on the ports of HTTP, and whatever the operator opened besides."""

    allow_http: bool = False
    networks: Sequence[IPNetwork] = ()
    """Where webhooks may go although it is not public, on any port."""

    def parse(self, url: str) -> WebhookAddress:
        """A URL, if its text is one a webhook may have; Invalid says what is wrong with it.

        Where its host leads is another question: see `permits`.
        """
        match = _URL.fullmatch(url) if len(url) <= LONGEST_URL else None
        if match is None or not 0 < int(match["port"] or 1) < 65536:
            raise Invalid(_explained(url))
        scheme = match["scheme"].lower()
        if scheme == "http" and not self.allow_http:
            raise Invalid("url must begin with https://")
        port = int(match["port"] or _DEFAULT_PORTS[scheme])
        if not (self.networks or port in self._ports):
            raise _port_refused()
        target = match["target"]
        return WebhookAddress(
            scheme=scheme,
            host=_host(match["host"]),
            port=port,
            target=target if target.startswith("/") else f"/{target}",
        )

    def permits(self, address: IPAddress, port: int) -> bool:
        """Whether a webhook's connection may be made to this very address."""
        if any(address in network for network in self.networks):
            return True
        return port in self._ports and _is_public(address)

    def check_registered(self, address: WebhookAddress, resolved: Sequence[IPAddress]) -> None:
        """Refuse what leads where webhooks may not go; Invalid.

        A name that does not resolve yet passes on the ports of HTTP: connections are checked too.
        """
        if not resolved and address.port not in self._ports:
            raise _port_refused()
        if all(self.permits(each, address.port) for each in resolved):
            return
        if all(self.permits(each, _DEFAULT_PORTS["https"]) for each in resolved):
            raise _port_refused()
        raise Invalid("url must lead to a public address")

    @property
    def _ports(self) -> frozenset[int]:
        return frozenset({80, 443} if self.allow_http else {443})


def _explained(url: str) -> str:
    if len(url) > LONGEST_URL:
        return f"url may have {LONGEST_URL} characters"
    if "#" in url:
        return "url may have no fragment"
    if "@" in re.split("[/?]", url.partition("://")[2], maxsplit=1)[0]:
        return "url may have no user name or password"
    return "url must be an address such as https://hooks.example.com/partner"


def _port_refused() -> Invalid:
    return Invalid("url may name another port only within the networks this server allows")


def _host(text: str) -> str:
    if text.startswith("["):
        return _ipv6(text[1:-1])
    name = _ascii_name(text)
    if _NUMBER_AT_END.fullmatch(name):
        return _ipv4(name)
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise Invalid("url has a host that is no host name")
    return name


def _ascii_name(text: str) -> str:
    # Digits and full stops come in many scripts; what they become is looked at, not what they were.
    try:
        return text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except idna.IDNAError:
        raise Invalid("url has a host that is no host name") from None


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise Invalid("url must spell an IPv4 address as four decimal numbers") from None


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise Invalid("url has a host that is no IPv6 address") from None


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    if address in _NAT64:
        return _is_public(IPv4Address(address.packed[-4:]))
    return address in _GLOBAL_V6 and not any(address in network for network in _NOT_PUBLIC_V6)
