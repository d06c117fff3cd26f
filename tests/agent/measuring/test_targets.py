"""To whom the way is measured: what an operator writes, and what stands there otherwise."""

import pytest

from partner_api.agent.measuring.targets import Target, parse_target, server_target
from partner_api.kernel.errors import Invalid

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("dns.example.com", Target("dns.example.com")),
        ("dns.example.com:853", Target("dns.example.com", 853)),
        ("192.0.2.1", Target("192.0.2.1")),
        ("2001:db8::1", Target("2001:db8::1")),
        ("[2001:db8::1]", Target("2001:db8::1")),
        ("[2001:db8::1]:443", Target("2001:db8::1", 443)),
    ],
)
def test_a_target_is_a_host_with_or_without_a_port(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text", ["", "a b", "host:", "host:0", "host:65536", "host:ssh", "[host]:1", "http://host"]
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid, match="--measure-target"):
        parse_target(text)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("https://partner.example.com", Target("partner.example.com", 443)),
        ("http://partner.example.com/api", Target("partner.example.com", 80)),
        ("https://partner.example.com:8443", Target("partner.example.com", 8443)),
        ("http://[2001:db8::1]:8000", Target("2001:db8::1", 8000)),
    ],
)
def test_the_server_itself_is_measured_by_default(address: str, target: Target) -> None:
    assert server_target(address) == target


def test_where_requests_take_a_proxy_the_proxy_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", "inside.example.com")
    assert server_target("https://partner.example.com") == Target("proxy.example.com", 3128)
    assert server_target("https://inside.example.com") == Target("inside.example.com", 443)
    assert server_target("http://partner.example.com") == Target("partner.example.com", 80)
    monkeypatch.setenv("http_proxy", "proxy.example.com:8080")
    assert server_target("http://partner.example.com") == Target("proxy.example.com", 8080)
