"""The token endpoint: RFC 6749's client credentials, in the form or by HTTP Basic."""

import base64
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import jwt
import pytest

from partner_api.identity.secrets import new_client_id
from partner_api.kernel.ids import MspId, uuid7
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.factories.tenants import Agent, Tenant

ALL = "fleet:read analytics:read orgs:read orgs:write"
GRANT = ("grant_type", "client_credentials")
FORM = "application/x-www-form-urlencoded"


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, its signature and audience checked by another library's rules."""
    claims: dict[str, Any] = jwt.decode(
        token,
        RING[0].secret,
        algorithms=["HS256"],
        audience="partner-api",
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


async def post(http: httpx.AsyncClient, *fields: tuple[str, str], **headers: str) -> httpx.Response:
    return await http.post(
        "/oauth/token", content=urlencode(fields), headers={"Content-Type": FORM, **headers}
    )


def basic(client_id: str, client_secret: str) -> str:
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def own(tenant: Tenant) -> list[tuple[str, str]]:
    return [("client_id", tenant.client_id), ("client_secret", tenant.client_secret)]


def assert_refused(answer: httpx.Response, status: int, code: str) -> str:
    """RFC 6749, section 5.2, with the document's `message` beside it."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "error_description", "message"}
    assert body["error"] == code
    assert body["error_description"] == body["message"] != ""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    message: str = body["message"]
    return message


async def test_a_form_is_exchanged_for_a_token(standing: Agent) -> None:
    answer = await post(standing.tenant.http, GRANT, *own(standing.tenant))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["scope"] == ALL
    token = answer.json()["access_token"]
    used = await standing.tenant.http.get(
        "/v1/devices", headers={"Authorization": f"bearer {token}"}
    )
    assert used.status_code == 200


async def test_http_basic_is_exchanged_for_a_token(standing: Agent) -> None:
    tenant = standing.tenant
    header = basic(tenant.client_id, tenant.client_secret)
    for authorization in (header, header.replace("Basic", "bAsIc")):
        answer = await post(tenant.http, GRANT, authorization=authorization)
        assert answer.status_code == 200
        assert claims_of(answer.json()["access_token"])["sub"] == tenant.client_id


async def test_a_form_may_announce_its_charset(standing: Agent) -> None:
    content = urlencode([GRANT, *own(standing.tenant)])
    headers = {"Content-Type": f"{FORM}; charset=UTF-8"}
    answer = await standing.tenant.http.post("/oauth/token", content=content, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("fleet:read", "fleet:read"),
        ("orgs:write fleet:read", "fleet:read orgs:write"),
        ("  orgs:read   orgs:read ", "orgs:read"),
        (ALL, ALL),
        # RFC 6749, section 3.2: without a value, as if left out.
        ("", ALL),
    ],
)
async def test_scope_narrows_a_token(standing: Agent, scope: str, granted: str) -> None:
    body = (await standing.tenant.request_token(scope=scope)).json()
    assert body["scope"] == granted
    assert sorted(claims_of(body["access_token"])["scopes"]) == sorted(granted.split())


@pytest.mark.parametrize("scope", ["fleet:write", "fleet:read admin", "FLEET:READ", " "])
async def test_scope_never_widens_a_token(standing: Agent, scope: str) -> None:
    answer = await standing.tenant.request_token(scope=scope)
    assert "fleet:read" in assert_refused(answer, 400, "invalid_scope")


async def test_a_client_that_proves_nothing_is_refused(
    standing: Agent, clock: StoppedClock
) -> None:
    tenant = standing.tenant
    stranger = new_client_id(MspId(uuid7(clock.now())))
    known, secret = tenant.client_id, tenant.client_secret
    messages = set()
    for client_id, client_secret in (
        (known, secret[:-1]),
        (known, f"{secret}x"),
        (known, secret.upper()),
        (known, secret + "\x00"),
        (known, "é" * 40),
        (known[:-1] + ("0" if known[-1] != "0" else "1"), secret),
        (known.upper(), secret),
        (stranger, secret),
        ("somebody", secret),
        ("\x00", secret),
    ):
        form = [("client_id", client_id), ("client_secret", client_secret)]
        answer = await post(tenant.http, GRANT, *form)
        messages.add(assert_refused(answer, 401, "invalid_client"))
        header = basic(client_id, client_secret)
        answer = await post(tenant.http, GRANT, authorization=header)
        messages.add(assert_refused(answer, 401, "invalid_client"))
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert len(messages) == 1


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("client_id", "x")],
        [("client_secret", "x")],
        [("client_id", ""), ("client_secret", "")],
    ],
)
async def test_a_client_that_names_itself_half_is_refused(
    http: httpx.AsyncClient, fields: list[tuple[str, str]]
) -> None:
    assert_refused(await post(http, GRANT, *fields), 401, "invalid_client")


@pytest.mark.parametrize("header", ["Basic", "Basic ", "Basic %%%", "Basic w6k", "Basic /w=="])
async def test_a_malformed_basic_header_is_refused(http: httpx.AsyncClient, header: str) -> None:
    assert_refused(await post(http, GRANT, authorization=header), 401, "invalid_client")


@pytest.mark.parametrize(
    "grant", ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS", "x"]
)
async def test_another_grant_is_refused(standing: Agent, grant: str) -> None:
    answer = await post(standing.tenant.http, ("grant_type", grant), *own(standing.tenant))
    message = assert_refused(answer, 400, "unsupported_grant_type")
    assert "client_credentials" in message


async def test_a_missing_grant_is_refused(standing: Agent) -> None:
    for fields in (own(standing.tenant), [("grant_type", ""), *own(standing.tenant)]):
        answer = await post(standing.tenant.http, *fields)
        assert "grant_type" in assert_refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope"])
async def test_a_repeated_parameter_is_refused(standing: Agent, name: str) -> None:
    fields = [GRANT, *own(standing.tenant), ("scope", ALL)]
    repeated = next(pair for pair in fields if pair[0] == name)
    answer = await post(standing.tenant.http, *fields, repeated)
    assert name in assert_refused(answer, 400, "invalid_request")


async def test_two_ways_to_authenticate_at_once_are_refused(standing: Agent) -> None:
    tenant = standing.tenant
    header = basic(tenant.client_id, tenant.client_secret)
    answer = await post(tenant.http, GRANT, *own(tenant), authorization=header)
    assert_refused(answer, 400, "invalid_request")


async def test_an_unknown_parameter_is_ignored(standing: Agent) -> None:
    extra = [("resource", "x"), ("resource", "y"), ("audience", "")]
    answer = await post(standing.tenant.http, GRANT, *own(standing.tenant), *extra)
    assert answer.status_code == 200


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "multipart/form-data"])
async def test_any_body_but_a_form_is_refused(standing: Agent, media_type: str) -> None:
    content = urlencode([GRANT, *own(standing.tenant)])
    headers = {"Content-Type": media_type}
    answer = await standing.tenant.http.post("/oauth/token", content=content, headers=headers)
    assert_refused(answer, 400, "invalid_request")


async def test_a_json_body_is_refused(standing: Agent) -> None:
    body = dict([GRANT, *own(standing.tenant)])
    answer = await standing.tenant.http.post("/oauth/token", json=body)
    assert FORM in assert_refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("content", [b"\xff", b"grant_type=%ff", b"&".join([b"a=b"] * 5000)])
async def test_a_form_nobody_can_read_is_refused(http: httpx.AsyncClient, content: bytes) -> None:
    answer = await http.post("/oauth/token", content=content, headers={"Content-Type": FORM})
    assert_refused(answer, 400, "invalid_request")


async def test_credentials_in_the_address_are_not_read(standing: Agent) -> None:
    answer = await standing.tenant.http.post(
        f"/oauth/token?{urlencode([GRANT, *own(standing.tenant)])}",
        headers={"Content-Type": FORM},
    )
    assert_refused(answer, 400, "invalid_request")


async def test_a_token_says_who_is_calling_for_one_hour(
    standing: Agent, clock: StoppedClock
) -> None:
    clock.advance(seconds=0.5)
    token = (await standing.tenant.request_token()).json()["access_token"]
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "test"}
    claims = claims_of(token)
    assert set(claims) == {"msp_id", "scopes", "iss", "sub", "aud", "iat", "exp", "jti"}
    assert claims["msp_id"] == standing.tenant.msp
    assert claims["sub"] == standing.tenant.client_id
    assert sorted(claims["scopes"]) == sorted(ALL.split())
    assert claims["iat"] == int(clock.now().timestamp())
    assert claims["exp"] - claims["iat"] == 3600


async def test_every_token_has_an_id_of_its_own(standing: Agent) -> None:
    tokens = [(await standing.tenant.request_token()).json()["access_token"] for _ in range(3)]
    assert len({claims_of(token)["jti"] for token in tokens}) == 3


async def test_a_token_dies_after_one_hour(standing: Agent, clock: StoppedClock) -> None:
    tenant = standing.tenant
    assert (await tenant.get("/v1/devices")).status_code == 200
    clock.advance(seconds=3599)
    assert (await tenant.get("/v1/devices")).status_code == 200
    clock.advance(seconds=1)
    for _ in range(2):
        answer = await tenant.get("/v1/devices")
        assert answer.status_code == 401
        assert answer.json() == {"error": "Unauthorized", "message": "Invalid or expired token"}
