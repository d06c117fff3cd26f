"""The token endpoint's form and header, filled in by somebody who means no good."""

import base64

import pytest

from tests.hostile.victims import Victim, refusal

GRANT = b"grant_type=client_credentials&"
FORM = "application/x-www-form-urlencoded"

FORMS = {
    "NUL": GRANT + b"client_id=%00&client_secret=%00",
    "raw bytes": b"\xff\xfe\x00",
    "broken UTF-8": GRANT + b"client_id=a&client_secret=%c3%28",
    "broken UTF-8, raw": GRANT + b"client_id=a&client_secret=\xc3\x28",
    "half a character": GRANT + b"client_id=%ed%a0%80&client_secret=b",
    "broken percent signs": GRANT + b"client_id=%zz&client_secret=%",
    "many fields": GRANT + b"a=1&" * 10_000,
    "long secret": GRANT + b"client_id=a&client_secret=" + b"x" * 900_000,
    "10 MB": GRANT + b"client_secret=" + b"x" * 10 * 1024 * 1024,
    "twice": GRANT + b"client_id=a&client_id=b&client_secret=c",
    "NUL in the grant": b"grant_type=client_credentials%00&client_id=a&client_secret=b",
    "SQL": GRANT + b"client_id=%27+or+1%3D1--&client_secret=%27",
    "JSON": b'{"grant_type": "client_credentials"}',
}
PAIRS = {
    "broken UTF-8": b"\xff:\xff",
    "no colon": b"a",
    "NUL": b"%00:%00",
    "half a character": b"%ed%a0%80:%ed%a0%80",
    "empty": b":",
    "long": b"a:" + b"x" * 20_000,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
async def test_a_hostile_form_gets_no_token(victim: Victim, form: bytes) -> None:
    headers = {"Content-Type": FORM}
    refusal(await victim.tenant.http.post("/oauth/token", content=form, headers=headers))


@pytest.mark.parametrize("secret", ["%00", "%F0%9F%98%80", "%20", "%0A", "x" * 100_000])
async def test_a_hostile_secret_of_a_real_client_is_a_wrong_one(
    victim: Victim, secret: str
) -> None:
    form = f"grant_type=client_credentials&client_id={victim.tenant.client_id}&client_secret="
    answer = await victim.tenant.http.post(
        "/oauth/token", content=form + secret, headers={"Content-Type": FORM}
    )
    assert refusal(answer) == "Invalid client credentials"
    assert (await victim.tenant.request_token()).status_code == 200


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
async def test_a_hostile_basic_header_gets_no_token(victim: Victim, pair: bytes) -> None:
    headers = {"Content-Type": FORM, "Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    refusal(await victim.tenant.http.post("/oauth/token", content=GRANT, headers=headers))


@pytest.mark.parametrize("header", [b"Basic", b"Basic ", b"Basic !!", b"Basic caf\xe9", b"Basic ="])
async def test_a_basic_header_that_is_none_gets_no_token(victim: Victim, header: bytes) -> None:
    headers = {b"Content-Type": FORM.encode(), b"Authorization": header}
    refusal(await victim.tenant.http.post("/oauth/token", content=GRANT, headers=headers))
