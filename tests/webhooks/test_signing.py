"""Receivers verify what we sign, with the library they are told to use."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from partner_api.kernel.errors import Invalid
from partner_api.webhooks.signing import new_signing_secret, signed_headers

BODY = b'{"type":"device.offline","data":{"name":"Z\xc3\xbcrich"}}'


def verified(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_the_specifications_example_is_signed_as_published() -> None:
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330.9, UTC),
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_receiver_verifies_id_instant_and_body() -> None:
    secret, now = new_signing_secret(), datetime.now(UTC)
    headers = dict(signed_headers([secret], "evt_1", now, BODY))
    assert verified(secret, BODY, headers)
    later = str(int(now.timestamp()) + 1)
    assert not verified(secret, BODY.replace(b"offline", b"online"), headers)
    assert not verified(secret, BODY, headers | {"webhook-id": "evt_2"})
    assert not verified(secret, BODY, headers | {"webhook-timestamp": later})
    assert not verified(new_signing_secret(), BODY, headers)
    stale = dict(signed_headers([secret], "evt_1", now - timedelta(minutes=6), BODY))
    assert not verified(secret, BODY, stale)


def test_while_a_secret_is_replaced_a_receiver_may_know_either() -> None:
    new, old, other = new_signing_secret(), new_signing_secret(), new_signing_secret()
    headers = dict(signed_headers([new, old], "evt_1", datetime.now(UTC), BODY))
    assert [verified(each, BODY, headers) for each in (new, old, other)] == [True, True, False]


def test_no_two_secrets_are_alike_and_each_has_256_bits() -> None:
    made = [new_signing_secret() for _ in range(100)]
    assert len(set(made)) == len(made)
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}


@pytest.mark.parametrize(("length", "allowed"), [(23, False), (24, True), (64, True), (65, False)])
def test_a_secret_has_24_to_64_bytes(length: int, allowed: bool) -> None:
    secret = "whsec_" + base64.b64encode(b"s" * length).decode()
    if allowed:
        headers = dict(signed_headers([secret], "evt_1", datetime.now(UTC), BODY))
        assert verified(secret, BODY, headers)
    else:
        with pytest.raises(Invalid, match="24 to 64 bytes"):
            signed_headers([secret], "evt_1", datetime.now(UTC), BODY)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_%" + "A" * 44, "whsec_é", "A" * 44, "whsec_" + "A" * 43],
)
def test_what_is_no_secret_signs_nothing_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(Invalid) as refused:
        signed_headers([secret], "evt_1", datetime.now(UTC), BODY)
    assert refused.value.message == "A signing secret is whsec_ and 24 to 64 bytes in base64"


@pytest.mark.parametrize("message_id", ["", "evt.1", "."])
def test_an_id_that_blurs_what_is_signed_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="full stop"):
        signed_headers([new_signing_secret()], message_id, datetime.now(UTC), BODY)
