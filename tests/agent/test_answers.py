"""Which answers are the server's, and what they mean."""

import httpx
import pytest

from partner_api.agent.answers import Refusal, read_place, read_receipt
from partner_api.agent.server import Server
from partner_api.kernel.errors import Invalid, TooLarge, Unauthenticated, Unavailable
from tests.agent.support import TOKEN, Answers, refused, taken

REQUEST = httpx.Request("POST", "https://partner.example.com/v1/agent/check-ins")


def answered(response: httpx.Response) -> httpx.Response:
    response.request = REQUEST
    return response


def test_a_receipt_tells_what_was_not_taken_and_when_to_come_back() -> None:
    receipt = read_receipt(answered(taken(1, "too old", "too new", checkInIntervalSeconds=60)))
    assert receipt.rejected == [Refusal(0, "too old"), Refusal(1, "too new")]
    assert receipt.check_in_interval_seconds == 60
    assert read_receipt(answered(taken(1))).check_in_interval_seconds is None


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, html="<title>Welcome to the hotel</title>"),
        httpx.Response(200, content=b'{"data":'),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"data": None}),
        httpx.Response(200, json={"data": []}),
        httpx.Response(200, json={"data": {"accepted": 1}}),
        httpx.Response(200, json={"data": {"accepted": "one", "rejected": []}}),
        httpx.Response(200, json={"data": {"accepted": 1, "rejected": [1]}}),
        httpx.Response(200, json={"data": {"accepted": 1, "rejected": [{"message": "old"}]}}),
        httpx.Response(
            200,
            content=b'{"data":{"accepted":1,"rejected":[],"checkInIntervalSeconds":Infinity}}',
        ),
        httpx.Response(204),
        httpx.Response(301, headers={"Location": "https://elsewhere.example.com"}),
        httpx.Response(400, text="The plain HTTP request was sent to HTTPS port"),
        httpx.Response(401, text="Log in to the proxy"),
        refused(403),
        refused(404),
        refused(409),
        refused(429),
        refused(500),
        refused(503),
    ],
)
@pytest.mark.parametrize("read", [read_receipt, read_place])
def test_any_other_answer_takes_nothing_out_of_the_spool(
    read: object, response: httpx.Response
) -> None:
    assert callable(read)
    with pytest.raises(Unavailable):
        read(answered(response))


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (refused(400), Invalid),
        (refused(413), TooLarge),
        (httpx.Response(413, html="<title>413</title>"), TooLarge),
        (refused(401), Unauthenticated),
    ],
)
def test_a_refusal_for_good_is_told_apart(response: httpx.Response, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        read_receipt(answered(response))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("", 0),
        ("-7", 0),
        ("7.5", 0),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 0),
        ("²", 0),
        ("9" * 5000, 999_999_999),
    ],
)
def test_retry_after_is_read_in_seconds_only(value: str, seconds: int) -> None:
    response = httpx.Response(503, headers={b"Retry-After": value.encode()})
    with pytest.raises(Unavailable) as away:
        read_receipt(answered(response))
    assert away.value.retry_after_seconds == seconds


@pytest.mark.parametrize("token", ["", "nwx_dt_", "nwx_dt_a b", "nwx_dt_secret\n", "secret", "ä"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(Invalid) as wrong:
        Server(Answers().http(), token)
    assert "secret" not in wrong.value.message


async def test_a_place_keeps_its_token_to_itself() -> None:
    data = {
        "mspId": "msp_1",
        "orgId": "org_1",
        "clientId": "A",
        "deviceToken": TOKEN,
        "checkInIntervalSeconds": 240,
    }
    async with Answers(httpx.Response(201, json={"data": data})).http() as http:
        place = await Server(http, "nwx_et_secret").enroll({})
    assert (place.device_token, TOKEN in repr(place)) == (TOKEN, False)


async def test_an_error_of_the_connection_names_the_server_and_a_reason() -> None:
    async with Answers(httpx.ReadTimeout("")).http() as http:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 cannot be reached: ReadTimeout"):
            await Server(http, TOKEN).check_in([])
