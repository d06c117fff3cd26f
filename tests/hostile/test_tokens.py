"""Authorization headers nobody was given open nothing."""

import base64
import json
from collections.abc import Mapping

import pytest

from tests.hostile.victims import Victim, refusal


def part(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def signed(header: object) -> bytes:
    return b".".join((b"Bearer " + part(header), part({}), b"AA"))


HEADERS: Mapping[str, bytes] = {
    "nothing": b"",
    "white space": b" \t ",
    "no token": b"Bearer",
    "white token": b"Bearer    ",
    "tab": b"Bearer\tabc",
    "Latin-1": b"Bearer caf\xe9",
    "no UTF-8": b"Bearer \xff\xfe",
    "emoji": "Bearer 😀".encode(),
    "long": b"Bearer " + b"x" * 30_000,
    "long and dotted": b"Bearer " + b"a." * 15_000,
    "dots": b"Bearer ..",
    "other scheme": b"Digest username=admin",
    "only a prefix": b"Bearer nwx_dt_",
    "underscores": b"Bearer nwx_dt_" + b"_" * 107,
    "padding": b"Bearer nwx_et_" + b"=" * 107,
    "no algorithm": signed({"alg": "none", "kid": "test"}),
    "public key": signed({"alg": "RS256", "kid": "test"}),
    "list as key id": signed({"alg": "HS256", "kid": ["test"]}),
    "object as key id": signed({"alg": "HS256", "kid": {}}),
    "NUL in key id": signed({"alg": "HS256", "kid": "\x00"}),
    "header is a list": signed([]),
    "deep header": b"Bearer " + base64.urlsafe_b64encode(b"[" * 9_000) + b".e30.AA",
    "critical extension": signed({"alg": "HS256", "kid": "test", "crit": ["x"], "b64": False}),
}
OPERATIONS = [
    ("GET", "/v1/devices", b""),
    ("POST", "/v1/organizations", b'{"name": "Acme"}'),
    ("POST", "/v1/check-ins", b'{"checkIns": []}'),
    ("POST", "/v1/agent/check-ins", b"{}"),
    ("POST", "/v1/agent/logs", b"[]"),
    ("POST", "/v1/agent/enroll", b'{"os": "Linux", "arch": "x", "currentVersion": "1"}'),
]


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
async def test_a_hostile_header_opens_nothing(victim: Victim, header: bytes) -> None:
    for method, path, body in OPERATIONS:
        headers = {b"Authorization": header, b"Content-Type": b"application/json"}
        answer = await victim.tenant.http.request(method, path, content=body, headers=headers)
        assert answer.status_code == 401
        refusal(answer)


async def test_a_token_with_something_added_is_another(victim: Victim) -> None:
    for token in (victim.tenant.token, victim.agent.token, victim.enrollment_token):
        for changed in (
            token + ".",
            token + "=",
            "." + token,
            token[:-1],
            token + token,
            token + ",",
        ):
            for method, path, body in OPERATIONS:
                headers = {"Authorization": f"Bearer {changed}", "Content-Type": "application/json"}
                answer = await victim.tenant.http.request(
                    method, path, content=body, headers=headers
                )
                assert answer.status_code == 401
