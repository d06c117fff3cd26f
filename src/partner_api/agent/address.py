"""Where a server may be: tokens travel encrypted, or not at all."""

import ipaddress

import httpx

from partner_api.kernel.errors import Invalid


def check_address(url: str, *, allow_http: bool) -> str:
    """The server's address without a slash at its end; Invalid says what is wrong with it."""
    parsed = _parse(url)
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise Invalid("--url must be an address such as https://partner.example.com")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise Invalid("--url must be a plain address, without user name, query or fragment")
    if parsed.scheme == "http" and not allow_http and not _is_loopback(parsed.host):
        raise Invalid(
            f"http://{parsed.host} would send the device's token in the clear; use https, or "
            "enroll with --allow-http if the network between is your own"
        )
    return str(parsed).rstrip("/")


def _parse(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:
        raise Invalid("--url is no address") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
