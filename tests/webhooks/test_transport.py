"""One request to a receiver, over real connections, and what we make of its answer."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from random import Random

import pytest
import trustme

from partner_api.webhooks.addresses import AllowedAddresses, IPAddress
from partner_api.webhooks.resolution import Resolve, Resolver
from partner_api.webhooks.transport import Answered, Outcome, Patience, Transport, Unanswered
from tests.webhooks.receivers import Names, Talk, answer, receiving

HERE = AllowedAddresses(allow_http=True, networks=(ip_network("127.0.0.1"),))
BODY = '{"name":"Zürich"}'.encode()
HEADERS = {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,abc v1,def"}
OK = answer()
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no authority, and is made faster than one that trusts them all."""


def names() -> Names:
    return Names(hooks=[["127.0.0.1"]])


async def post(
    url: str,
    resolve: Resolve | None = None,
    *,
    tls: ssl.SSLContext = NOBODY,
    allowed: AllowedAddresses = HERE,
    patience: Patience | None = None,
) -> Outcome:
    transport = Transport(allowed, resolve or names(), tls=tls, patience=patience or Patience())
    return await transport.post(url, HEADERS, BODY)


async def error_of(outcome: Awaitable[Outcome]) -> str:
    failed = await outcome
    assert isinstance(failed, Unanswered)
    return failed.error


async def answered(outcome: Awaitable[Outcome]) -> Answered:
    succeeded = await outcome
    assert isinstance(succeeded, Answered), succeeded
    return succeeded


async def test_a_receiver_gets_the_request_and_we_its_answer() -> None:
    says = answer("503 Busy", "später".encode(), Retry_After="120", set_cookie="a=b")
    async with receiving(says) as receiver:
        url = f"http://Hooks.test:{receiver.port}/in%2Fbox?a=1&b"
        outcome = await answered(post(url))
    assert (outcome.status, outcome.excerpt, outcome.retry_after) == (503, "später", "120")
    assert 0 <= outcome.latency_ms < 5000
    (line, headers, body), *others = receiver.requests
    assert (line, body, others) == ("POST /in%2Fbox?a=1&b HTTP/1.1", BODY, [])
    assert headers.pop("user-agent").startswith("partner-api-webhooks/")
    assert headers == {
        **HEADERS,
        "host": f"hooks.test:{receiver.port}",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "connection": "close",
    }


async def test_the_machines_resolver_and_an_ip_address_lead_to_the_receiver_too() -> None:
    resolver = Resolver()
    async with receiving(OK) as receiver:
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{receiver.port}/"
            allowed = AllowedAddresses(
                allow_http=True, networks=(ip_network("127.0.0.1"), ip_network("::1"))
            )
            assert (await answered(post(url, resolver, allowed=allowed))).status == 200
    resolver.close()
    assert [headers["host"] for _, headers, _ in receiver.requests] == [
        f"{host}:{receiver.port}" for host in ("127.0.0.1", "localhost")
    ]


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(OK) as proxy, receiving(OK) as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await answered(post(f"http://hooks.test:{receiver.port}/"))
    assert (proxy.connections, receiver.connections) == (0, 1)


# Where a connection goes


async def test_a_name_that_changes_after_the_check_leads_nowhere_else() -> None:
    """DNS rebinding: the second answer is another machine on which the same port is open."""
    async with (
        receiving(OK) as receiver,
        receiving(OK, host="127.0.0.2", port=receiver.port) as inside,
    ):
        resolve = Names(hooks=[["127.0.0.1"], ["127.0.0.2"]])
        url = f"http://hooks.test:{receiver.port}/"
        assert (await answered(post(url, resolve))).status == 200
        assert resolve.asked == ["hooks.test"]
        assert await error_of(post(url, resolve)) == "address not allowed"
    assert (receiver.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize("found", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"], ["::1"]])
async def test_all_that_a_name_resolves_to_is_checked_before_any_connection(
    found: list[str],
) -> None:
    async with receiving(OK) as receiver:
        url = f"http://hooks.test:{receiver.port}/"
        assert await error_of(post(url, Names(hooks=[found]))) == "address not allowed"
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://hooks.test:{}/", AllowedAddresses(networks=HERE.networks)),
        ("http://user@hooks.test:{}/", HERE),
        ("http://127.1:{}/", HERE),
        ("http://127.0.0.1:{}/", AllowedAddresses(allow_http=True)),
        ("http://hooks.test/", AllowedAddresses(allow_http=True)),
    ],
)
async def test_what_is_allowed_no_more_is_not_called(url: str, allowed: AllowedAddresses) -> None:
    async with receiving(OK) as receiver:
        failed = error_of(post(url.format(receiver.port), allowed=allowed))
        assert await failed == "address not allowed"
    assert receiver.connections == 0


async def test_the_next_address_is_tried_when_one_does_not_take_the_connection() -> None:
    allowed = AllowedAddresses(allow_http=True, networks=(ip_network("127.0.0.0/30"),))
    resolve = Names(hooks=[["127.0.0.3", "127.0.0.1"]])
    async with receiving(OK) as receiver:
        url = f"http://hooks.test:{receiver.port}/"
        assert (await answered(post(url, resolve, allowed=allowed))).status == 200


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with receiving(OK) as elsewhere:
        there = f"http://hooks.test:{elsewhere.port}/"
        for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
            async with receiving(answer(status, location=there)) as receiver:
                outcome = await answered(post(f"http://hooks.test:{receiver.port}/"))
            assert outcome.status == int(status[:3])
    assert elsewhere.connections == 0


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serving(certificate: trustme.LeafCert) -> tuple[ssl.SSLContext, list[str | None]]:
    """A server's side of TLS, and the names clients ask it for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    context.sni_callback = lambda _, name, __: asked.append(name)
    return context, asked


@pytest.mark.parametrize(
    ("host", "asked"), [("hooks.test", "hooks.test"), ("bücher.test", "xn--bcher-kva.test")]
)
async def test_tls_asks_for_the_host_of_the_url_and_verifies_it(
    host: str, asked: str, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    tls, seen = serving(authority.issue_cert(asked))
    resolve = Names(**{asked.partition(".")[0]: [["127.0.0.1"]]})
    async with receiving(OK, tls=tls) as receiver:
        url = f"https://{host}:{receiver.port}/"
        assert (await answered(post(url, resolve, tls=trusting))).status == 200
    assert seen == [asked]


async def test_an_ip_address_is_verified_as_one(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    resolver = Resolver()
    for names_of_certificate, works in ((["127.0.0.1"], True), (["127.0.0.2", "h.test"], False)):
        tls, _ = serving(authority.issue_cert(*names_of_certificate))
        async with receiving(OK, tls=tls) as receiver:
            url = f"https://127.0.0.1:{receiver.port}/"
            outcome = await post(url, resolver, tls=trusting)
        assert isinstance(outcome, Answered) is works
        if isinstance(outcome, Unanswered):
            assert outcome.error == "certificate not valid for host"
    resolver.close()


async def test_a_certificate_that_does_not_hold_gets_no_request(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for certificate, sentence in (
        (authority.issue_cert("127.0.0.1", "other.test"), "certificate not valid for host"),
        (authority.issue_cert("hooks.test", not_after=yesterday), "certificate expired"),
        (trustme.CA().issue_cert("hooks.test"), "certificate not trusted"),
    ):
        tls, _ = serving(certificate)
        async with receiving(OK, tls=tls) as receiver:
            url = f"https://hooks.test:{receiver.port}/"
            assert await error_of(post(url, tls=trusting)) == sentence
        assert receiver.requests == []


async def test_without_a_context_the_worlds_authorities_are_trusted(authority: trustme.CA) -> None:
    tls, _ = serving(authority.issue_cert("hooks.test"))
    async with receiving(OK, tls=tls) as receiver:
        transport = Transport(HERE, names())
        url = f"https://hooks.test:{receiver.port}/"
        assert await error_of(transport.post(url, HEADERS, BODY)) == "certificate not trusted"


async def test_a_receiver_without_tls_is_told_so(trusting: ssl.SSLContext) -> None:
    async with receiving(OK, greeting=b"220 mail.test ESMTP\r\n") as receiver:
        failed = error_of(post(f"https://hooks.test:{receiver.port}/", tls=trusting))
        assert await failed == "TLS handshake failed"


# Whatever else the other side does

HASTE = Patience(connect_seconds=0.3, exchange_seconds=0.3)


async def test_a_receiver_that_is_away_is_told_from_a_name_that_is_none() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://hooks.test:{taken.getsockname()[1]}/"
        assert await error_of(post(url)) == "connection refused"
        assert await error_of(post(url, Names(hooks=[[]]))) == "host not found"


async def test_a_slow_name_server_is_not_waited_for() -> None:
    async def resolve(_: str) -> Sequence[IPAddress]:
        await asyncio.sleep(60)
        return ()

    patience = Patience(connect_seconds=0.05)
    outcome = await post("http://hooks.test/", resolve, patience=patience)
    assert isinstance(outcome, Unanswered)
    assert (outcome.error, 50 <= outcome.latency_ms < 5000) == ("timed out", True)


async def test_an_address_that_never_answers_leaves_time_for_the_next() -> None:
    allowed = AllowedAddresses(allow_http=True, networks=(ip_network("127.0.0.0/30"),))
    async with receiving(OK) as receiver:
        with silent("127.0.0.3", receiver.port):
            url = f"http://hooks.test:{receiver.port}/"
            for found, works in ((["127.0.0.3", "127.0.0.1"], True), (["127.0.0.3"], False)):
                outcome = await post(url, Names(hooks=[found]), allowed=allowed, patience=HASTE)
                assert isinstance(outcome, Answered) is works
                if isinstance(outcome, Unanswered):
                    assert outcome.error == "timed out"


async def hold(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    taken: socket.socket = writer.get_extra_info("socket")
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def endless(first: bytes, again: bytes) -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()

    return talk


STRANGE: dict[str, tuple[bytes | Talk, str]] = {
    "nothing": (hold, "timed out"),
    "nothing, and hangs up": (hang_up, "connection closed without an answer"),
    "a reset": (reset, "connection lost"),
    "no HTTP": (b"220 mail.test ESMTP\r\n\r\n", "answer is not HTTP"),
    "NULs": (bytes(2000), "answer is not HTTP"),
    "half a head": (b"HTTP/1.1 200 OK\r\nx: ", "timed out"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "answer is not HTTP",
    ),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 999), "answer too large"),
    "an endless header": (endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 9999), "answer too large"),
    "endless hints": (
        endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99),
        "answer too large",
    ),
}


@pytest.mark.parametrize(("says", "sentence"), STRANGE.values(), ids=STRANGE)
async def test_a_strange_receiver_is_described(says: bytes | Talk, sentence: str) -> None:
    async with receiving(says) as receiver:
        patience = HASTE if sentence == "timed out" else None
        failed = error_of(post(f"http://hooks.test:{receiver.port}/", patience=patience))
        assert await failed == sentence


@pytest.mark.parametrize(
    ("says", "excerpt"),
    [
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"y" * 9999), "y" * 1024),
        (answer(body=b"y" * 1025), "y" * 1024),
        (answer(body=b"y" + "ü".encode() * 600), "y" + "ü" * 511),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nyy\r\nrubbish\r\n", "yy"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(body=b"later"), "later"),
        (answer(body=b"a\x00b\x1b[31mc\r\n\td\xff"), "a\ufffdb\ufffd[31mc\ufffd\n\td\ufffd"),
    ],
    ids=["endless", "long", "cut in two", "broken off", "after a hint", "control characters"],
)
async def test_no_more_than_a_kilobyte_of_an_answer_is_read(
    says: bytes | Talk, excerpt: str
) -> None:
    async with receiving(says) as receiver:
        outcome = await answered(post(f"http://hooks.test:{receiver.port}/"))
    assert (outcome.status, outcome.excerpt) == (200, excerpt)


async def test_the_rest_of_an_answer_is_not_waited_for() -> None:
    async with receiving(answer(body=b"y" * 5000)[:2000]) as receiver, asyncio.timeout(5):
        outcome = await answered(post(f"http://hooks.test:{receiver.port}/"))
    assert outcome.excerpt == "y" * 1024


async def test_an_answer_counts_although_its_body_never_ends() -> None:
    says = b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\nnearly"
    async with receiving(says) as receiver:
        url = f"http://hooks.test:{receiver.port}/"
        outcome = await answered(post(url, patience=HASTE))
    assert (outcome.status, outcome.excerpt) == (202, "nearly")


async def test_what_a_receiver_sent_too_much_is_not_the_next_ones_answer() -> None:
    async with receiving(OK + answer("500 Not yours")) as receiver:
        url = f"http://hooks.test:{receiver.port}/"
        outcomes = [await post(url) for _ in range(3)]
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Answered)] == [200] * 3


async def test_a_request_that_is_given_up_leaves_no_connection(trusting: ssl.SSLContext) -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sending.cancel()
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"https://hooks.test:{server.sockets[0].getsockname()[1]}/"
        sending = asyncio.create_task(post(url, tls=trusting))
        with pytest.raises(asyncio.CancelledError):
            await sending
        async with asyncio.timeout(5):
            await ended.wait()


async def test_no_bytes_at_all_make_a_request_fail_otherwise() -> None:
    random = Random(11)
    tokens = [b"HTTP/1.1 ", b"200", b" OK", b"\r\n", b"\r\n\r\n", b"content-length: ", b"5", b":"]
    tokens += [
        b"transfer-encoding: chunked",
        b"connection: upgrade",
        b"101",
        b"\x00",
        b"\xff",
        b" ",
    ]

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(random.choices(tokens, k=random.randrange(12))))
        writer.close()

    async with receiving(talk) as receiver:
        for _ in range(200):
            await post(f"http://hooks.test:{receiver.port}/")
    assert len(receiver.requests) == 200


@contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """A port that takes no more connections and refuses none."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind((host, port))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((host, port))
        yield
