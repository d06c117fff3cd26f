"""What is no HTTP, or HTTP of two meanings, is refused or cut off, and the server goes on."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from partner_api.http_protocol import HEAD_SECONDS
from tests.blackbox.server import Integrator, Server, wait_until
from tests.conftest import passable_folder
from tests.hostile.wire import Said, connect, hear, say

CHECK_IN = b"POST /v1/agent/check-ins HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: a\r\n"
NEXT = HEALTH + b"Connection: close\r\n\r\n"
LAST = b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

NO_HTTP = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another version": b"GET /v1/health HTTP/3.7\r\nHost: a\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": b"\x00" * 10_000,
    "invented method": b"BREW /v1/health HTTP/1.1\r\nHost: a\r\n\r\n",
    "tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "no slash": b"GET v1/health HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the path": b"GET /v1/ health HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the path": b"GET /v1/\x00health HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw bytes in the path": b"GET /v1/devices/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw bytes in the query": b"GET /v1/devices?q=\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare line feeds": b"GET /v1/health HTTP/1.1\nHost: a\n\n",
    "folded header": HEALTH + b"X-A: a\r\n b\r\n\r\n",
    "NUL in a header": HEALTH + b"X-A: a\x00b\r\n\r\n",
    "carriage return in a header": HEALTH + b"X-A: a\rX-B: b\r\n\r\n",
    "space before the colon": HEALTH + b"X-A : a\r\n\r\n",
    "no host": b"GET /v1/health HTTP/1.1\r\n\r\n",
    "two hosts": HEALTH + b"Host: evil.example\r\n\r\n",
    "header flood": HEALTH + b"".join(b"X-%d: a\r\n" % n for n in range(5_000)) + b"\r\n",
    "huge header": HEALTH + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "huge path": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "huge cookie jar": HEALTH + b"Cookie: " + b"a=b; " * 100_000 + b"\r\n\r\n",
}

TWO_MEANINGS = {
    "length and chunks": CHECK_IN
    + b"Content-Length: 2\r\n"
    + CHUNKED
    + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and length": CHECK_IN + CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n",
    "two lengths": CHECK_IN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "one length twice": CHECK_IN + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list of lengths": CHECK_IN + b"Content-Length: 2, 2\r\n\r\n{}",
    "negative length": CHECK_IN + b"Content-Length: -2\r\n\r\n{}",
    "signed length": CHECK_IN + b"Content-Length: +2\r\n\r\n{}",
    "hexadecimal length": CHECK_IN + b"Content-Length: 0x2\r\n\r\n{}",
    "endless length": CHECK_IN + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
    "unknown coding": CHECK_IN + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding with a space": CHECK_IN + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two codings": CHECK_IN + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "no size": CHECK_IN + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
    "negative size": CHECK_IN + CHUNKED + b"\r\n-1\r\n{}\r\n0\r\n\r\n",
    "endless size": CHECK_IN + CHUNKED + b"\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk too long": CHECK_IN + CHUNKED + b"\r\n2\r\n{}0\r\n\r\n",
    "chunks with line feeds": CHECK_IN + CHUNKED + b"\r\n2\n{}\n0\n\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with passable_folder() as folder:
        server = Server(folder / "data").start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def integrator(server: Server) -> Integrator:
    return server.create_msp()


@pytest.fixture(scope="module")
def device_token(integrator: Integrator) -> bytes:
    _, headers = integrator.enroll(integrator.create_organization())
    return headers["Authorization"].encode()


@pytest.fixture(autouse=True)
def unharmed(server: Server, integrator: Integrator) -> Iterator[None]:
    """Afterwards the same processes answer, and nothing went wrong that they did not foresee."""
    processes = server.children("partner_api.app")
    yield
    assert httpx.get(f"{server.url}/readyz", timeout=5).status_code == 200
    assert server.children("partner_api.app") == processes
    assert integrator.get("/v1/organizations")["meta"]["total"] <= 1
    assert "Traceback" not in server.output


def assert_refused(said: Said) -> None:
    """Cut off, or told why in the house shape first."""
    assert said.closed
    assert set(said.statuses) <= {400, 401}
    if said.statuses:
        assert set(said.body) == {"error", "message"}


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_http_is_refused(server: Server, data: bytes) -> None:
    said = say(server, data)
    assert_refused(said)
    assert said.statuses == [400]


@pytest.mark.parametrize("data", TWO_MEANINGS.values(), ids=TWO_MEANINGS.keys())
def test_a_body_of_two_meanings_smuggles_nothing(
    server: Server, device_token: bytes, data: bytes
) -> None:
    authorized = data.replace(b"Host: a\r\n", b"Host: a\r\nAuthorization: %b\r\n" % device_token)
    assert_refused(say(server, authorized + NEXT))


def test_a_trailer_authorizes_nothing(server: Server, device_token: bytes) -> None:
    trailer = b"Authorization: %b\r\n" % device_token
    data = CHECK_IN + CHUNKED + LAST + b"2\r\n{}\r\n0\r\n" + trailer + b"\r\n"
    assert say(server, data).statuses == [401]


def test_a_body_is_refused_by_its_announced_length(server: Server, device_token: bytes) -> None:
    data = CHECK_IN + b"Authorization: %b\r\nContent-Length: 99999999999\r\n" % device_token + LAST
    said = say(server, data)
    assert (said.statuses, said.closed) == ([413], True)


@pytest.mark.parametrize(
    "target", [b"http://evil.example/v1/health", b"/v1/health#a", b"/v1/health?a"]
)
def test_another_form_of_the_target_is_the_same_path(server: Server, target: bytes) -> None:
    said = say(server, b"GET " + target + b" HTTP/1.1\r\nHost: evil.example\r\n" + LAST)
    assert said.statuses == [200]
    assert said.body["service"] == "partner-api"
    assert b"evil" not in said.data


@pytest.mark.parametrize(
    "target", [b"/v1/../v1/health", b"//evil.example/v1/health", b"/v1//health"]
)
def test_a_path_is_not_tidied(server: Server, target: bytes) -> None:
    said = say(server, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + LAST)
    assert (said.statuses, said.body["error"]) == ([404], "Not Found")


def test_an_upgrade_is_not_offered(server: Server) -> None:
    websocket = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    for protocol in (b"websocket", b"h2c"):
        upgrade = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n" + websocket + b"\r\n"
        assert say(server, HEALTH + upgrade, seconds=1).statuses == [200]


def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    nothing = HEALTH.replace(b"/v1/health", b"/v1/nothing") + b"\r\n"
    said = say(server, (HEALTH + b"\r\n" + nothing) * 25 + NEXT)
    assert said.statuses == [200, 404] * 25 + [200]


def check_in(device_token: bytes, body: bytes = b"{}", fields: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return CHECK_IN + b"Authorization: %b\r\n" % device_token + fields + length + body


def count(integrator: Integrator) -> int:
    """How often the one device checked in."""
    found: int = integrator.get("/v1/devices")["data"][0].get("checkInCount", 0)
    return found


@pytest.mark.parametrize("pieces", [1, 2, 7, 100])
def test_a_check_in_is_the_same_however_it_arrives(
    server: Server, integrator: Integrator, device_token: bytes, pieces: int
) -> None:
    before, data = count(integrator), check_in(device_token, b'{"sequence":null}')
    step = 1 + len(data) // pieces
    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        for start in range(0, len(data), step):
            connection.sendall(data[start : start + step])
            time.sleep(0.002)
        said = hear(connection, 0.5)
    assert (said.statuses, said.closed) == ([200], False)
    assert json.loads(said.data.rpartition(b"\r\n\r\n")[2])["data"]["accepted"] == 1
    assert said.data.lower().count(b"\r\nx-request-id: ") == 1
    assert count(integrator) == before + 1


def test_pipelined_check_ins_are_answered_in_their_order(
    server: Server, integrator: Integrator, device_token: bytes
) -> None:
    before = count(integrator)
    bad, good = check_in(device_token, b"{"), check_in(device_token)
    chunked = CHECK_IN + CHUNKED + b"Authorization: %b\r\n\r\n2\r\n{}\r\n0\r\n\r\n" % device_token
    said = say(server, (HEALTH + b"\r\n" + good + bad + chunked) * 10 + NEXT)
    assert said.statuses == [200, 200, 400, 200] * 10 + [200]
    assert count(integrator) == before + 20


@pytest.mark.parametrize(("version", "fields"), [(b"1.1", b"Connection: close\r\n"), (b"1.0", b"")])
def test_a_check_in_that_wants_no_other_after_it_closes_the_connection(
    server: Server, device_token: bytes, version: bytes, fields: bytes
) -> None:
    data = check_in(device_token, fields=fields).replace(b"HTTP/1.1", b"HTTP/" + version)
    said = say(server, data)
    assert (said.statuses, said.closed) == ([200], True)


def test_a_check_in_whose_device_left_is_written(
    server: Server, integrator: Integrator, device_token: bytes
) -> None:
    before = count(integrator)
    with connect(server) as connection:
        connection.sendall(check_in(device_token))
    wait_until(lambda: count(integrator) == before + 1, 5, "the check-in to be counted")


@pytest.mark.parametrize(
    "begun", [b"", b"GET /v1/heal", HEALTH, CHECK_IN + b"Content-Length: 9\r\n\r\n{"]
)
def test_a_client_that_leaves_in_the_middle_takes_nothing_along(
    server: Server, begun: bytes
) -> None:
    said = say(server, begun, then_close=True)
    assert (said.data, said.closed) == (b"", True)
    assert said.seconds < 2


def test_a_client_that_says_too_little_is_left(server: Server) -> None:
    silent = [connect(server) for _ in range(100)]
    begun = [connect(server) for _ in range(100)]
    for connection in begun:
        connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: ")
    assert say(server, NEXT).statuses == [200]
    for connection in [*silent, *begun]:
        said = hear(connection, HEAD_SECONDS + 5)
        assert (said.data, said.closed) == (b"", True)
        connection.close()
