"""Whatever goes wrong: one shape, one request id, and nothing of our insides."""

import base64
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import httpx
import pytest

from partner_api.app import _services, create_app
from partner_api.config import Settings
from partner_api.database.engine import create_engine
from partner_api.database.pools import create_pool
from partner_api.fleet.devices import Devices
from partner_api.identity.secrets import TokenKind, new_keyed_token
from partner_api.identity.service import Identity
from partner_api.identity.tokens import AccessTokens
from partner_api.ingest.check_ins import CheckIns
from partner_api.kernel.ids import MspId, uuid7
from partner_api.logs.service import Logs
from partner_api.organizations import service as organizations
from partner_api.tenancy.principal import DOCUMENTED_SCOPES, Principal
from partner_api.tenancy.tenancy import Tenancy
from partner_api.webhooks.resolution import Resolver
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.factories.tenants import FACTS, Agent, Tenant
from tests.surfaces.partner.routes import INTEGRATORS, OPERATIONS, Operation

PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
EVERY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
NOBODY = "00000000-0000-0000-0000-000000000000"


def assert_error(answer: httpx.Response, status: int) -> str:
    """The document's shape and nothing else; returns the message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]
    body = answer.json()
    assert set(body) == {"error", "message"}
    assert body["error"] == PHRASES[status]
    assert isinstance(body["message"], str)
    assert body["message"]
    message: str = body["message"]
    return message


def filled(path: str) -> str:
    """A path whose ids are well-formed and nobody's."""
    path = path.replace("{mspId}", f"msp_{NOBODY}").replace("{orgId}", f"org_{NOBODY}")
    return re.sub(r"\{\w+\}", NOBODY, path)


PATHS = sorted({operation.path for operation in OPERATIONS})


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing", "/V1/devices", "//v1/devices", "/v1/devices/x/y/z", "/%00"]
)
async def test_an_unknown_path_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert_error(await http.request(method, path), 404)


@pytest.mark.parametrize("path", PATHS)
async def test_a_trailing_slash_is_another_path(standing: Agent, path: str) -> None:
    tenant = standing.tenant
    for method in ("GET", "POST", "DELETE"):
        url = filled(path) + "/"
        answer = await tenant.http.request(method, url, headers=tenant.headers)
        assert_error(answer, 404)
        assert "Location" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
async def test_a_wrong_method_is_told_every_right_one(http: httpx.AsyncClient, path: str) -> None:
    right = {operation.method for operation in OPERATIONS if operation.path == path}
    right |= {"HEAD"} if "GET" in right else set()
    for method in set(EVERY_METHOD) - right:
        answer = await http.request(method, filled(path))
        assert answer.status_code == 405, method
        assert set(re.split(r",\s*", answer.headers["Allow"])) == right
        if method != "HEAD":
            assert_error(answer, 405)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_the_documents_own_paths_name_their_methods_too(
    http: httpx.AsyncClient, path: str
) -> None:
    answer = await http.post(path)
    assert_error(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("operation", INTEGRATORS, ids=str)
async def test_a_call_without_a_valid_token_is_challenged(
    standing: Agent, operation: Operation
) -> None:
    tenant = standing.tenant
    enrollment_token = await tenant.create_enrollment_token(standing.org_id)
    url = filled(operation.path)
    for authorization in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer a.b.c",
        f"Basic {base64.b64encode(b'a:b').decode()}",
        f"Token {tenant.token}",
        tenant.token,
        f"Bearer {tenant.token}x",
        f"Bearer {standing.token}",
        f"Bearer {enrollment_token}",
        f"Bearer {tenant.client_secret}",
    ):
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = await tenant.http.request(operation.method, url, headers=headers)
        assert assert_error(answer, 401) == "Invalid or expired token"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/v1/agent/check-ins", "/v1/agent/logs", "/v1/agent/enroll"])
async def test_an_agents_path_takes_no_other_token(standing: Agent, path: str) -> None:
    agent, tenant = standing, standing.tenant
    enrollment_token = await tenant.create_enrollment_token(agent.org_id)
    own = enrollment_token if path.endswith("enroll") else agent.token
    body = [] if path.endswith("logs") else FACTS
    assert (await _post(tenant.http, path, own, body)).is_success
    stranger = new_keyed_token(TokenKind.DEVICE, tenant.msp_id, tenant.msp_id).text
    for wrong in {None, agent.token, enrollment_token, tenant.token, stranger} - {own}:
        answer = await _post(tenant.http, path, wrong, body)
        assert_error(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


BODIES = ["/v1/organizations", "/v1/agent/check-ins", "/v1/agent/logs", "/v1/agent/enroll"]


async def caller(agent: Agent, path: str) -> dict[str, str]:
    """The headers of whoever may post there."""
    if path == "/v1/agent/enroll":
        token = await agent.tenant.create_enrollment_token(agent.org_id)
        return {"Authorization": f"Bearer {token}"}
    return agent.headers if path.startswith("/v1/agent") else agent.tenant.headers


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nonsense",
        b"\xff\xfe",
        b'{"a":1}}',
        b"{'a':1}",
        b'"text"',
        b"7",
        b"null",
        b'{"os":NaN}',
        b"[" * 5000,
        b'{"os":"' + b"\xc3\x28" + b'"}',
    ],
)
async def test_a_body_that_is_no_json_is_refused(standing: Agent, path: str, body: bytes) -> None:
    headers = {**await caller(standing, path), "Content-Type": "application/json"}
    message = assert_error(
        await standing.tenant.http.post(path, content=body, headers=headers), 400
    )
    assert "msgspec" not in message
    assert "pydantic" not in message


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "media_type", [None, "text/plain", "application/x-www-form-urlencoded", "json", "text/json"]
)
async def test_a_body_that_says_it_is_no_json_is_refused(
    standing: Agent, path: str, media_type: str | None
) -> None:
    headers = await caller(standing, path)
    if media_type:
        headers["Content-Type"] = media_type
    body = json.dumps([] if path.endswith("logs") else {"name": "Acme", **FACTS}).encode()
    answer = await standing.tenant.http.post(path, content=body, headers=headers)
    assert_error(answer, 415)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/x+json",
    ],
)
async def test_json_may_be_announced_in_many_ways(standing: Agent, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    post = standing.tenant.http.post
    taken = await post("/v1/agent/check-ins", content=b"{}", headers=standing.headers | headers)
    assert taken.status_code == 200
    made = await post(
        "/v1/organizations", content=b'{"name":"Acme"}', headers=standing.tenant.headers | headers
    )
    assert made.status_code == 201


MIB = 1024 * 1024
LIMITS = [
    ("/v1/organizations", MIB),
    ("/oauth/token", MIB),
    ("/v1/agent/enroll", MIB),
    ("/v1/nothing", MIB),
    ("/v1/agent/check-ins", 8 * MIB),
    ("/v1/agent/logs", 8 * MIB),
]


@pytest.mark.parametrize(("path", "limit"), LIMITS)
async def test_a_body_beyond_its_limit_is_too_large(
    http: httpx.AsyncClient, path: str, limit: int
) -> None:
    headers = {"Content-Type": "application/json"}
    message = assert_error(await http.post(path, content=b" " * (limit + 1), headers=headers), 413)
    assert str(limit) in message
    within = await http.post(path, content=b" " * limit, headers=headers)
    assert within.status_code in {400, 401, 404}


async def test_a_batch_may_be_larger_than_other_bodies(agent: Agent) -> None:
    headers = {**agent.headers, "Content-Type": "application/json"}
    http = agent.tenant.http
    padded = b'{"checkIns":[{}]}' + b" " * 2 * MIB
    assert (await http.post("/v1/agent/check-ins", content=padded, headers=headers)).is_success
    padded = b"[]" + b" " * 2 * MIB
    assert (await http.post("/v1/agent/logs", content=padded, headers=headers)).is_success


async def test_a_single_check_in_has_16_kilobytes(agent: Agent) -> None:
    for size, status in ((16 * 1024, 200), (16 * 1024 + 1, 413)):
        body = b'{"unknown":"' + b"x" * (size - 14) + b'"}'
        assert len(body) == size
        headers = {**agent.headers, "Content-Type": "application/json"}
        answer = await agent.tenant.http.post("/v1/agent/check-ins", content=body, headers=headers)
        assert answer.status_code == status
    assert_error(answer, 413)
    assert (await agent.read())["checkInCount"] == 1


async def test_a_large_item_of_a_list_is_rejected_alone(agent: Agent) -> None:
    large = {"unknown": "x" * 16 * 1024}
    data = await agent.check_in(checkIns=[{}, large])
    assert (data["accepted"], [item["index"] for item in data["rejected"]]) == (1, [1])
    line = {"severity": "INFO", "payload": {}}
    answer = await agent.post_logs([line, {**line, "payload": large}, line])
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert (data["accepted"], [item["index"] for item in data["rejected"]]) == (2, [1])
    assert "16384" in data["rejected"][0]["message"]


@pytest.mark.parametrize("path", ["/v1/agent/check-ins", "/v1/agent/logs"])
async def test_a_request_carries_500_items_at_most(agent: Agent, path: str) -> None:
    line = {"severity": "INFO", "payload": {}}
    for count, status in ((500, {200, 202}), (501, {400})):
        body: Any = [line] * count if path.endswith("logs") else {"checkIns": [{}] * count}
        answer = await _post(agent.tenant.http, path, agent.token, body)
        assert answer.status_code in status
    assert "500" in assert_error(answer, 400)


# Request ids.


async def test_every_answer_has_a_request_id_of_its_own(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = agent.tenant
    fail(monkeypatch, Devices, "get")
    post = tenant.http.post
    answers = [
        await tenant.get("/v1/health"),
        await tenant.get("/v1/devices"),
        await tenant.get("/v1/nothing"),
        await tenant.get("/v1/devices?limit=0"),
        await tenant.get(f"/v1/devices/{agent.client_id}"),
        await tenant.delete(f"/v1/devices/{agent.client_id}"),
        await tenant.http.put("/v1/devices"),
        await tenant.http.get("/v1/devices"),
        await post("/v1/devices", content=b" " * (MIB + 1)),
        await post("/v1/agent/check-ins", json={}),
        await post("/oauth/token"),
        await tenant.request_token(),
    ]
    statuses = {answer.status_code for answer in answers}
    assert statuses >= {200, 204, 400, 401, 404, 405, 413, 500}
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert all(len(answer.headers.get_list("X-Request-Id")) == 1 for answer in answers)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given) for given in ids)


@pytest.mark.parametrize("path", ["/v1/health", "/v1/nothing", "/v1/agent/check-ins"])
async def test_a_well_formed_request_id_is_echoed(http: httpx.AsyncClient, path: str) -> None:
    for given in ("0123456789abcdef", "req-1.2_3456", "A" * 64):
        answer = await http.post(path, headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "<script>", "a;b=c12345"])
async def test_any_other_request_id_is_replaced(http: httpx.AsyncClient, given: str) -> None:
    answer = await http.get("/v1/health", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] not in {given, ""}


# Our own failures.

INSIDES = "insides: select secret from /etc/passwd"


def fail(monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> None:
    async def fails(*_: object, **__: object) -> NoReturn:
        raise RuntimeError(INSIDES)

    monkeypatch.setattr(target, name, fails)


@pytest.mark.parametrize(
    ("target", "name", "call"),
    [
        (Devices, "list", lambda a: a.tenant.get("/v1/devices")),
        (CheckIns, "check_in", lambda a: a.post_check_in()),
        (organizations, "create_organization", lambda a: _create_organization(a.tenant)),
        (Identity, "issue_token", lambda a: a.tenant.request_token()),
        (Logs, "list", lambda a: a.tenant.get(f"/v1/devices/{a.client_id}/logs")),
    ],
)
async def test_an_unexpected_error_tells_the_log_and_nobody_else(
    standing: Agent,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    target: Any,
    name: str,
    call: Callable[[Agent], Any],
) -> None:
    fail(monkeypatch, target, name)
    with caplog.at_level(logging.ERROR):
        answer = await call(standing)
    message = assert_error(answer, 500)
    assert "insides" not in answer.text
    assert "Traceback" not in answer.text
    assert "RuntimeError" not in answer.text
    assert "X-Request-Id" in message
    assert answer.headers["X-Request-Id"] in caplog.text
    assert INSIDES in caplog.text


async def test_a_failed_call_changes_nothing(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = agent.tenant
    created = organizations.create_organization

    async def create_and_fail(*arguments: Any) -> NoReturn:
        await created(*arguments)
        raise RuntimeError(INSIDES)

    monkeypatch.setattr(organizations, "create_organization", create_and_fail)
    assert_error(await _create_organization(tenant), 500)
    assert (await tenant.get("/v1/organizations")).json()["meta"]["total"] == 1


# A database that is away.


@pytest.fixture
async def stranded(clock: StoppedClock) -> AsyncIterator[httpx.AsyncClient]:
    """The application with a database where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"postgresql://nobody:nothing@127.0.0.1:{port}/nowhere"
    pool, engine = await create_pool(url, size=2), create_engine(url, size=2)
    services = _services(Settings(), RING, clock, Tenancy(engine, pool), pool, pool, Resolver())
    services.check_ins.start()
    services.log_lines.start()
    transport = httpx.ASGITransport(app=create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://partner.test") as client:
        yield client
    await services.check_ins.stop()
    await services.log_lines.stop()
    await pool.close()
    await engine.dispose()


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
async def test_every_operation_says_when_the_database_is_away(
    stranded: httpx.AsyncClient, clock: StoppedClock, operation: Operation
) -> None:
    answer = await call_unanswered(stranded, clock, operation)
    if operation.path in {"/v1/health", "/livez"}:
        assert answer.status_code == 200
        return
    message = assert_error(answer, 503)
    assert int(answer.headers["Retry-After"]) >= 1
    assert "127.0.0.1" not in message
    assert "nobody" not in message


async def call_unanswered(
    http: httpx.AsyncClient, clock: StoppedClock, operation: Operation
) -> httpx.Response:
    """A call in order in every way that needs no database to see."""
    msp = MspId(uuid7(clock.now()))
    url = filled(operation.path).replace(f"msp_{NOBODY}", f"msp_{msp}")
    principal = Principal(msp, f"nwx_ci_{msp.hex}{'0' * 16}", frozenset(DOCUMENTED_SCOPES))
    if "enrollmentToken" in operation.schemes:
        token = new_keyed_token(TokenKind.ENROLLMENT, msp, msp).text
    elif "deviceToken" in operation.schemes:
        token = new_keyed_token(TokenKind.DEVICE, msp, msp).text
    else:
        token = AccessTokens(RING, clock).issue(principal)
    if operation.path == "/oauth/token":
        form = {"client_id": principal.credential_id, "client_secret": "nwx_cs_x"}
        return await http.post(url, data={"grant_type": "client_credentials", **form})
    body: Any = {"name": "Acme", **FACTS}
    if operation.path.endswith("/logs"):
        body = [{"severity": "INFO", "payload": {}}]
    headers = {"Authorization": f"Bearer {token}"}
    if operation.method != "POST":
        return await http.request(operation.method, url, headers=headers)
    return await http.post(url, headers=headers, json=body)


# Headers anybody can write.

FORGED: list[dict[str, str]] = [
    {"Host": "evil.example"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Prefix": "/evil", "X-Real-Ip": "10.0.0.1"},
    {"Forwarded": "for=10.0.0.1;host=evil.example;proto=https"},
    {"X-Original-Url": "/v1/health", "X-Rewrite-Url": "/v1/health"},
    {"X-Http-Method-Override": "DELETE"},
]


async def test_no_answer_depends_on_headers_that_name_a_host(standing: Agent) -> None:
    tenant = standing.tenant
    for path in (
        "/v1/organizations?limit=1",
        "/v1/devices?limit=1",
        f"/v1/devices/{standing.client_id}",
        "/v1/nothing",
        "/v1/devices/",
        "/v1/health",
        "/openapi.json",
    ):
        plain = await tenant.get(path)
        for forged in FORGED:
            answer = await tenant.http.get(path, headers=tenant.headers | forged)
            assert answer.status_code == plain.status_code
            assert answer.content == plain.content
            assert _without_request_id(answer) == _without_request_id(plain)
    assert (await tenant.get("/v1/organizations?limit=1")).headers["Link"].startswith("</v1/")


def _without_request_id(answer: httpx.Response) -> list[tuple[str, str]]:
    return [pair for pair in answer.headers.multi_items() if pair[0] != "x-request-id"]


async def _create_organization(tenant: Tenant) -> httpx.Response:
    return await tenant.post("/v1/organizations", json={"name": "Acme"})


async def _post(http: httpx.AsyncClient, path: str, token: str | None, body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await http.post(path, json=body, headers=headers)
