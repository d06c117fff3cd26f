"""Access tokens: ours hold for an hour, nobody else's ever."""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_api.config import SecretKey
from partner_api.identity.tokens import AccessTokens
from partner_api.kernel.errors import Unauthenticated
from partner_api.kernel.ids import MspId, uuid7
from partner_api.tenancy.principal import DOCUMENTED_SCOPES, Principal, Scope
from tests.clock import StoppedClock

KEY, OLDER = SecretKey("k1", b"1" * 32), SecretKey("k0", b"0" * 32)
Claims = dict[str, Any]


def principal(clock: StoppedClock) -> Principal:
    msp_id = MspId(uuid7(clock.now()))
    return Principal(msp_id, f"nwx_ci_{msp_id.hex}", frozenset(DOCUMENTED_SCOPES))


def encoded(
    claims: Claims, secret: bytes | str = KEY.secret, algorithm: str = "HS256", kid: Any = "k1"
) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)


def claims_of(token: str) -> Claims:
    claims: Claims = jwt.decode(token, options={"verify_signature": False})
    return claims


def part(value: Any) -> str:
    packed = json.dumps(value).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


@pytest.fixture
def tokens(clock: StoppedClock) -> AccessTokens:
    return AccessTokens([KEY], clock)


def test_a_token_brings_back_whom_it_was_issued_to(
    tokens: AccessTokens, clock: StoppedClock
) -> None:
    caller = principal(clock)
    assert tokens.verify(tokens.issue(caller)) == caller
    narrow = Principal(caller.msp_id, caller.credential_id, frozenset({Scope.ORGS_READ}))
    assert tokens.verify(tokens.issue(narrow)) == narrow


def test_a_token_holds_for_one_hour_by_our_clock(tokens: AccessTokens, clock: StoppedClock) -> None:
    token = tokens.issue(principal(clock))
    clock.advance(seconds=3599.999999)
    tokens.verify(token)
    clock.advance(seconds=0.000001)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            tokens.verify(token)
    with pytest.raises(Unauthenticated):
        AccessTokens([KEY], clock).verify(token)


def test_the_first_key_signs_and_every_key_verifies(clock: StoppedClock) -> None:
    before, after = AccessTokens([OLDER], clock), AccessTokens([KEY, OLDER], clock)
    old, new = before.issue(principal(clock)), after.issue(principal(clock))
    assert [jwt.get_unverified_header(token)["kid"] for token in (old, new)] == ["k0", "k1"]
    after.verify(old)
    after.verify(new)
    with pytest.raises(Unauthenticated):
        before.verify(new)
    with pytest.raises(Unauthenticated):
        AccessTokens([KEY], clock).verify(old)


FORGED: dict[str, Callable[[Claims], str]] = {
    "alg none": lambda claims: encoded(claims, "", "none"),
    "alg none without its signature": lambda claims: encoded(claims, "", "none").rstrip("."),
    "alg None": lambda claims: f"{part({'alg': 'None', 'kid': 'k1'})}.{part(claims)}.",
    "HS512 with our key": lambda claims: encoded(claims, KEY.secret, "HS512"),
    "HS384 with our key": lambda claims: encoded(claims, KEY.secret, "HS384"),
    "another key, our kid": lambda claims: encoded(claims, b"2" * 32),
    "an unknown kid": lambda claims: encoded(claims, kid="k2"),
    "no kid": lambda claims: encoded(claims, kid=None),
    "a kid that is no text": lambda claims: (
        f"{part({'alg': 'HS256', 'kid': ['k1']})}.{part(claims)}.AAAA"
    ),
    "a changed claim": lambda claims: _with_payload(claims, {**claims, "msp_id": "msp_x"}),
    "not a token": lambda _: "nonsense",
    "nothing": lambda _: "",
    "three empty parts": lambda _: "..",
    "no ASCII": lambda _: "é.é.é",
    "a payload that is no object": lambda _: f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(7)}.AA",
    "a header that is no object": lambda claims: f"{part([])}.{part(claims)}.AA",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_forged_token_is_refused(
    tokens: AccessTokens, clock: StoppedClock, forge: Callable[[Claims], str]
) -> None:
    claims = claims_of(tokens.issue(principal(clock)))
    with pytest.raises(Unauthenticated, match="Invalid or expired token"):
        tokens.verify(forge(claims))


@pytest.mark.parametrize("missing", ["msp_id", "scopes", "iss", "sub", "aud", "iat", "exp", "jti"])
def test_a_token_without_one_of_its_claims_is_refused(
    tokens: AccessTokens, clock: StoppedClock, missing: str
) -> None:
    claims = claims_of(tokens.issue(principal(clock)))
    tokens.verify(encoded(claims))
    del claims[missing]
    with pytest.raises(Unauthenticated):
        tokens.verify(encoded(claims))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", "another-api"),
        ("aud", ["another-api"]),
        ("iss", "another-issuer"),
        ("iss", ""),
        ("exp", 0),
        ("exp", "soon"),
        ("exp", 10**30),
        ("exp", None),
        ("msp_id", "msp_1"),
        ("msp_id", 1),
        ("msp_id", None),
        ("scopes", ["everything"]),
        ("scopes", "fleet:read"),
        ("scopes", 1),
        ("scopes", [["fleet:read"]]),
        ("sub", 1),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(
    tokens: AccessTokens, clock: StoppedClock, claim: str, value: object
) -> None:
    claims = claims_of(tokens.issue(principal(clock)))
    with pytest.raises(Unauthenticated):
        tokens.verify(encoded({**claims, claim: value}))


def test_a_verified_token_says_nothing_about_a_similar_one(
    tokens: AccessTokens, clock: StoppedClock
) -> None:
    token = tokens.issue(principal(clock))
    tokens.verify(token)
    for similar in (token[:-1], f" {token}", token.swapcase(), f"{token}."):
        with pytest.raises(Unauthenticated):
            tokens.verify(similar)


@settings(max_examples=200)
@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_at_all_makes_the_verifier_fail(text: str) -> None:
    clock = StoppedClock()
    tokens = AccessTokens([KEY], clock)
    for token in (text, f"{text}.{text}.{text}", tokens.issue(principal(clock)) + text + "."):
        with pytest.raises(Unauthenticated):
            tokens.verify(token)


def _with_payload(claims: Claims, other: Claims) -> str:
    head, _, signature = encoded(claims).split(".")
    return f"{head}.{part(other)}.{signature}"
