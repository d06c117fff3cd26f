"""To whom the way is measured."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

import httpx

from partner_api.kernel.errors import Invalid

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_MOST_PORTS = 65535
_TARGET = re.compile(r"(?:\[(?P<bracketed>[^]]+)\]|(?P<plain>[^:/\s]+))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Target:
    """A host; with a port it is asked by TCP, else by ICMP where that is allowed."""

    host: str
    port: int | None = None


def parse_target(text: str) -> Target:
    """`host`, `host:port` or an IPv6 address, in brackets before a port; Invalid."""
    if _is_ipv6(text):
        return Target(text)
    match = _TARGET.fullmatch(text)
    if match is None or (match["bracketed"] and not _is_ipv6(match["bracketed"])):
        raise Invalid("--measure-target must be a host or host:port")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port <= _MOST_PORTS:
        raise Invalid(f"--measure-target's port must be 1 to {_MOST_PORTS}")
    return Target(match["bracketed"] or match["plain"], port)


def server_target(address: str) -> Target:
    """Where requests to a server's address go: to itself, or to the proxy on the way."""
    url = httpx.URL(_proxy_before(httpx.URL(address)) or address)
    return Target(url.host, url.port or _PORTS.get(url.scheme, 80))


def _proxy_before(url: httpx.URL) -> str | None:
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(f"{url.host}:{url.port}" if url.port else url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False
