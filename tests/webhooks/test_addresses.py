"""Where a customer may have us call: every other way to write or to reach it is refused."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.config import Settings
from partner_api.kernel.errors import Invalid, Misconfigured
from partner_api.webhooks.addresses import AllowedAddresses, IPAddress
from partner_api.webhooks.resolution import Resolver, require_address

PUBLIC = AllowedAddresses()
LAN = AllowedAddresses(networks=(ip_network("10.20.0.0/16"), ip_network("fd00:1::/64")))
PLAIN = AllowedAddresses(allow_http=True)


async def only_literals(host: str) -> Sequence[IPAddress]:
    try:
        return (ip_address(host),)
    except ValueError:
        return ()


async def refused(url: str, allowed: AllowedAddresses = PUBLIC) -> str:
    with pytest.raises(Invalid) as error:
        await require_address(url, allowed, only_literals)
    return error.value.message


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("https://hooks.example.com/a/b?c=%5B1%5D", "https://hooks.example.com/a/b?c=%5B1%5D"),
        ("HTTPS://Hooks.Example.COM:443/A?b", "https://hooks.example.com/A?b"),
        ("https://hooks.example.com?token=1", "https://hooks.example.com/?token=1"),
        ("https://hooks.example.com/%2F..//x", "https://hooks.example.com/%2F..//x"),
        ("https://my_receiver.example.com/", "https://my_receiver.example.com/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:0:0::1111]/", "https://[2606:4700::1111]/"),
        ("https://[64:ff9b::8.8.8.8]/", "https://[64:ff9b::808:808]/"),
    ],
)
async def test_a_public_address_is_kept_in_one_spelling(url: str, kept: str) -> None:
    address = await require_address(url, PUBLIC, only_literals)
    assert str(address) == kept
    assert await require_address(kept, PUBLIC, only_literals) == address


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 - refused here
        *("10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
        *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1"),
        *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *("100.100.100.200", "168.63.129.16"),
        *("[::]", "[::1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]"),
        *("[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::1]"),
        *("[100::1]", "[2001::1]", "[2001:0:a00:1::]", "[2001:10::1]", "[2001:20::1]"),
        *("[2001:db8::1]", "[2002:7f00:1::]", "[2002:808:808::]", "[3fff::1]", "[5f00::1]"),
        *("[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[4000::1]"),
    ],
)
async def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    assert await refused(f"https://{host}/") == "url must lead to a public address"
    address = ip_address(host.strip("[]"))
    assert not PUBLIC.permits(address, 443)


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "017700000001", "0x7f000001", "0X7F.1", "127.1", "127.0.1", "0"),
        *("0177.0.0.1", "127.0.0.01", "0x7f.0.0.1", "127.0.0.0x1", "127.0.0.1.", "127.0.0.256"),
        *("127.0.0.1.1", "example.1", "example.0x", "134744072"),
        # Digits and full stops that are none until they are normalized.
        *(
            "127。0。0。1",
            "\uff11\uff12\uff17.0.0.1",
            "①②⑦.⓪.⓪.①",
            "127\uff0e0\uff0e0\uff0e1",
            "\uff10x7f000001",
        ),
        *("[::1%25eth0]", "[fe80::1%eth0]", "[::1", "::1", "[]", "[::g]", "[127.0.0.1]", "[v1.x]"),
        *("%31%32%37.0.0.1", "127.0.0.1%00", "localhost%2e", "local\\host"),
        *("localhost.", "example.com.", ".", ".example.com", "exa..mple.com", "-a.com", "a-.com"),
        *("a" * 64 + ".com", "a." * 127 + "com", "exam ple.com", "example.com\t", "\u2028.com"),
        *(
            "exa\u0000mple.com",
            "ex*mple.com",
            "ⓔ\uff0fexample.com",
            "\u00ad",
            "xn--\u00fc.com",
            "👩‍🚀\uff0e",
        ),
    ],
)
async def test_any_other_spelling_of_a_host_is_refused(host: str) -> None:
    for url in (f"https://{host}/", f"https://{host}:443/", f"https://{host}"):
        assert (await refused(url)).startswith("url ")


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks.example.com", "//hooks.example.com/", "https:hooks.example.com", "https://"),
        *("https:///path", "https://:443/", "https://h.example:/", "https://h.example:0/"),
        *(
            "https://h.example:65536/",
            "https://h.example:-1/",
            "https://h.example:\uff14\uff14\uff13/",
        ),
        *(
            "ftp://h.example/",
            "file:///etc/passwd",
            "gopher://h.example/",
            "http\u017f://h.example/",
        ),
        *(" https://h.example/", "https://h.example/ ", "https://h.example/\r\nX: y"),
        *("https://h.example/a b", "https://h.example/%", "https://h.example/%zz"),
        *("https://h.example\\@127.0.0.1/", "https://h.example/" + "a" * 2048),
        *("https://h.example/<script>", "https://h.example/é", "https://h.example/?a[]=b"),
    ],
)
async def test_what_is_no_plain_url_is_refused(url: str) -> None:
    assert (await refused(url)).startswith("url ")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://h.example/", "url must begin with https://"),
        ("https://user:hunter2@h.example/", "url may have no user name or password"),
        ("https://h.example@127.0.0.1/", "url may have no user name or password"),
        ("https://h.example/#part", "url may have no fragment"),
        ("https://h.example/" + "a" * 2048, "url may have 2048 characters"),
        ("https://h.example:8443/", "url may name another port only within the networks"),
        ("https://h.example:80/", "url may name another port only within the networks"),
        ("https://127.1/", "url must spell an IPv4 address as four decimal numbers"),
    ],
)
async def test_the_customer_is_told_what_is_wrong(url: str, sentence: str) -> None:
    assert (await refused(url)).startswith(sentence)


async def test_an_at_sign_behind_the_host_is_no_user_name() -> None:
    url = "https://h.example/@me?to=a@b"
    assert str(await require_address(url, PUBLIC, only_literals)) == url


async def test_plain_http_and_its_port_are_the_operators_decision() -> None:
    address = await require_address("http://h.example/", PLAIN, only_literals)
    assert (str(address), address.port) == ("http://h.example/", 80)
    assert (await refused("http://h.example:8080/", PLAIN)).startswith("url may name another port")
    assert await refused("http://10.20.0.1/", PLAIN) == "url must lead to a public address"


async def test_an_allowed_network_may_be_reached_on_any_port_and_nothing_else() -> None:
    for url in ("https://10.20.0.1:8443/", "https://10.20.255.255/", "https://[fd00:1::5]:1/"):
        assert str(await require_address(url, LAN, only_literals)) == url
    for host in ("10.21.0.1", "[fd00:2::1]", "[::ffff:10.20.0.1]", "127.0.0.1"):
        assert await refused(f"https://{host}/", LAN) == "url must lead to a public address"
    assert (await refused("https://8.8.8.8:8443/", LAN)).startswith("url may name another port")


async def test_all_a_name_resolves_to_has_to_be_allowed() -> None:
    answers: dict[str, list[str]] = {
        "two.example": ["8.8.8.8", "2606:4700::1111"],
        "mixed.example": ["8.8.8.8", "10.0.0.1"],
        "lan.example": ["10.20.0.9"],
        "both.example": ["10.20.0.9", "8.8.8.8"],
    }

    async def resolve(host: str) -> Sequence[IPAddress]:
        return [ip_address(each) for each in answers.get(host, [])]

    assert (await require_address("https://two.example/", PUBLIC, resolve)).host == "two.example"
    assert (await require_address("https://lan.example:81/", LAN, resolve)).port == 81
    await require_address("https://both.example/", LAN, resolve)
    for url, allowed, sentence in (
        ("https://mixed.example/", PUBLIC, "must lead to a public address"),
        ("https://mixed.example/", LAN, "must lead to a public address"),
        ("https://lan.example/", PUBLIC, "must lead to a public address"),
        ("https://both.example:81/", LAN, "may name another port"),
        ("https://two.example:81/", LAN, "may name another port"),
    ):
        with pytest.raises(Invalid, match=sentence):
            await require_address(url, allowed, resolve)


async def test_a_name_that_does_not_resolve_yet_may_be_registered_on_usual_ports() -> None:
    assert (await require_address("https://new.example/", LAN, only_literals)).host == "new.example"
    assert (await refused("https://new.example:8443/", LAN)).startswith("url may name another port")


async def test_a_name_server_that_does_not_answer_holds_nobody_up() -> None:
    async def resolve(_: str) -> Sequence[IPAddress]:
        raise TimeoutError

    assert (await require_address("https://slow.example/", PUBLIC, resolve)).port == 443


async def test_the_machines_own_names_are_found_and_refused() -> None:
    resolver = Resolver()
    try:
        assert IPv4Address("127.0.0.1") in await resolver("localhost")
        assert await resolver("no-such-name.invalid") == ()
        with pytest.raises(Invalid, match="public address"):
            await require_address("https://localhost/", PUBLIC, resolver)
    finally:
        resolver.close()


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_nat64_leads_where_its_last_bits_say(address: IPv4Address) -> None:
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) + int(address))
    assert PUBLIC.permits(translated, 443) is PUBLIC.permits(address, 443)


@given(st.ip_addresses())
def test_nothing_python_calls_local_is_public_to_us(address: IPAddress) -> None:
    translated = address in ip_network("64:ff9b::/96")
    if not address.is_global and not translated:
        assert not PUBLIC.permits(address, 443)


@given(st.text() | st.text().map("https://{}".format) | st.from_regex(r"https?://[\w.:@\[\]%-]+/?"))
def test_no_text_at_all_is_more_than_refused(text: str) -> None:
    for allowed in (PUBLIC, LAN, PLAIN):
        try:
            address = allowed.parse(text)
        except Invalid:
            continue
        assert allowed.parse(str(address)) == address
        assert str(address).isascii()


def test_the_operator_writes_networks_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTNER_API_WEBHOOK_ALLOWED_NETWORKS", "10.20.0.0/16, fd00:1::/64")
    monkeypatch.setenv("PARTNER_API_WEBHOOK_ALLOW_HTTP", "true")
    settings = Settings.from_environment()
    assert settings.webhook_allowed_networks == LAN.networks
    assert settings.webhook_allow_http is True


def test_webhooks_reach_public_addresses_by_https_unless_something_else_is_set() -> None:
    settings = Settings.from_environment()
    assert (settings.webhook_allow_http, settings.webhook_allowed_networks) == (False, ())


@pytest.mark.parametrize("written", ["10.20.0.1/16", "lan", "10.20.0.0/33", "10.20.0.0/16;::/0"])
def test_what_is_no_network_is_named(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTNER_API_WEBHOOK_ALLOWED_NETWORKS", f"fd00::/8,{written}")
    with pytest.raises(Misconfigured, match="PARTNER_API_WEBHOOK_ALLOWED_NETWORKS") as error:
        Settings.from_environment()
    assert written in error.value.message
