"""Bodies nobody means well: refused with a reason, and nothing of them is kept."""

import pytest

from tests.hostile.victims import Victim, refusal

MEGABYTES = 1024 * 1024

TEXTS = {
    "NUL": rb'"a\u0000b"',
    "raw NUL": b'"a\x00b"',
    "other controls": rb'"a\u001b[2Jb"',
    "half a character, escaped": rb'"\ud800ab"',
    "half a character, raw": b'"\xed\xa0\x80ab"',
    "halves in the wrong order": rb'"\udc00\ud800ab"',
    "broken UTF-8": b'"\xc3\x28ab"',
    "overlong UTF-8": b'"\xc0\x80ab"',
    "Latin-1": b'"caf\xe9"',
    "10 MB": b'"' + b"x" * 10 * MEGABYTES + b'"',
}
NO_TEXTS = {
    "number": b"7",
    "huge number": b"1" + b"0" * 400,
    "boolean": b"true",
    "list": b'["a"]',
    "object": b'{"a": "b"}',
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
}
TEXT_FIELDS = [
    ("POST", "/v1/organizations", b'{"name": @}'),
    ("PATCH", "/v1/organizations/{org}", b'{"name": @}'),
    ("PATCH", "/v1/devices/{device}", b'{"orgId": @}'),
    ("PATCH", "/v1/devices/{device}", b'{"assetId": @}'),
    ("PATCH", "/v1/devices/{device}", b'{"userName": @}'),
    ("PATCH", "/v1/devices/{device}", b'{"tags": [@]}'),
    ("POST", "/v1/agent/enroll", b'{"os": @, "arch": "arm64", "currentVersion": "1"}'),
    (
        "POST",
        "/v1/agent/enroll",
        b'{"clientId": @, "os": "x", "arch": "arm64", "currentVersion": "1"}',
    ),
    ("POST", "/v1/agent/check-ins", b'{"os": @}'),
    ("POST", "/v1/agent/check-ins", b'{"userEmail": @}'),
    ("POST", "/v1/agent/check-ins", b'{"observedAt": @}'),
    (
        "POST",
        "/v1/agent/check-ins",
        b'{"network": {"interface": "wifi", "wifi": {"ssid": @}}}',
    ),
    ("POST", "/v1/agent/check-ins", b'{"interfaces": [{"name": @, "type": "wifi"}]}'),
]
LABELS = [b'{"attributes": {"key": @}}', b'{"attributes": {@: "value"}}']

NUMBERS = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "beyond a double": b"1e999",
    "401 digits": b"1" + b"0" * 400,
    "5,001 digits": b"1" + b"0" * 5000,
    "beyond 64 bits": b"18446744073709551616",
    "negative": b"-1",
    "fraction": b"0.5",
    "text": b'"7"',
    "boolean": b"true",
    "list": b"[7]",
    "leading zero": b"007",
    "hexadecimal": b"0x7",
}
NUMBER_FIELDS = [
    ("POST", "/v1/credentials/regenerate", b'{"overlapSeconds": @}'),
    ("POST", "/v1/organizations/{org}/enrollment-tokens", b'{"expiresInSeconds": @}'),
    ("POST", "/v1/organizations/{org}/enrollment-tokens", b'{"maxUses": @}'),
    ("POST", "/v1/agent/check-ins", b'{"sequence": @}'),
    ("POST", "/v1/agent/check-ins", b'{"network": {"interface": "wifi", "hops": [{"ttl": @}]}}'),
]

DOCUMENTS = {
    "nothing": b"",
    "white space": b" \r\n",
    "NUL": b"\x00",
    "byte order mark": b'\xef\xbb\xbf{"name": "Acme"}',
    "UTF-16": '{"name": "Acme"}'.encode("utf-16"),
    "two documents": b"{}{}",
    "open brackets": b"[" * MEGABYTES,
    "open braces": b'{"a":' * 200_000,
    "deep list": b"[" * 50_000 + b"]" * 50_000,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a million numbers": b"[" + b"1," * 500_000 + b"1]",
    "too long": b'{"a": "' + b"x" * 9 * MEGABYTES + b'"}',
    "form": b"name=Acme&os=x",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}
OPERATIONS = sorted(
    {(method, path) for method, path, _ in [*TEXT_FIELDS, *NUMBER_FIELDS]}
    | {("POST", "/v1/agent/logs"), ("POST", "/v1/check-ins")}
)


@pytest.mark.parametrize("text", [*TEXTS.values(), *NO_TEXTS.values()], ids=[*TEXTS, *NO_TEXTS])
@pytest.mark.parametrize(("method", "path", "template"), TEXT_FIELDS)
async def test_a_field_takes_no_hostile_text(
    victim: Victim, method: str, path: str, template: bytes, text: bytes
) -> None:
    refusal(await victim.send(method, path, template.replace(b"@", text)))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("template", LABELS)
async def test_a_label_takes_no_hostile_text(victim: Victim, template: bytes, text: bytes) -> None:
    body = template.replace(b"@", text)
    refusal(await victim.send("PATCH", "/v1/devices/{device}", body))


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())
@pytest.mark.parametrize(("method", "path", "template"), NUMBER_FIELDS)
async def test_a_count_takes_no_hostile_number(
    victim: Victim, method: str, path: str, template: bytes, number: bytes
) -> None:
    refusal(await victim.send(method, path, template.replace(b"@", number)))


async def test_a_long_key_is_not_sent_back_whole(victim: Victim) -> None:
    body = b'{"attributes": {"%b": "value"}}' % (b"x" * 900_000)
    assert "attributes" in refusal(await victim.send("PATCH", "/v1/devices/{device}", body))


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999", b"1" + b"0" * 400])
async def test_an_attribute_is_finite(victim: Victim, number: bytes) -> None:
    body = b'{"attributes": {"key": %b}}' % number
    refusal(await victim.send("PATCH", "/v1/devices/{device}", body))


@pytest.mark.parametrize("body", DOCUMENTS.values(), ids=DOCUMENTS.keys())
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_no_hostile_document_is_read(
    victim: Victim, method: str, path: str, body: bytes
) -> None:
    if not body and path.endswith(("regenerate", "enrollment-tokens")):
        pytest.skip("this one takes no body as well")
    refusal(await victim.send(method, path, body))


ITEMS = {**TEXTS, **NO_TEXTS, "deep": b"[" * 5000 + b"]" * 5000}


ITEM_TEMPLATES = [
    ("/v1/agent/check-ins", b'{"checkIns": [{"os": @}]}'),
    ("/v1/agent/check-ins", b'{"checkIns": [{"network": {"interface": @}}]}'),
    ("/v1/agent/logs", b'[{"severity": @, "payload": {}}]'),
    ("/v1/check-ins", b'{"checkIns": [{"clientId": @}]}'),
    ("/v1/check-ins", b'{"checkIns": [{"clientId": "x", "orgId": @}]}'),
]


@pytest.mark.parametrize("text", ITEMS.values(), ids=ITEMS.keys())
@pytest.mark.parametrize(("path", "template"), ITEM_TEMPLATES)
async def test_a_hostile_item_is_named_or_its_list_refused(
    victim: Victim, path: str, template: bytes, text: bytes
) -> None:
    answer = await victim.send("POST", path, template.replace(b"@", text))
    if not answer.is_success:
        refusal(answer)
        return
    data = answer.json()["data"]
    assert data["accepted"] == 0
    assert [rejected["index"] for rejected in data["rejected"]] == [0]
    assert data["rejected"][0]["message"]
