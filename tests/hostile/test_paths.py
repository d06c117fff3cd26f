"""Paths nobody means well name nothing."""

import httpx
import pytest

from tests.hostile.victims import Victim, refusal

TEMPLATES = ["/v1/devices/{}", "/v1/devices/{}/logs", "/v1/organizations/{}", "/v1/msp/{}/stats"]
NAMES = {
    "NUL": "%00",
    "broken UTF-8": "%ff",
    "half a character": "%ed%a0%80",
    "accent": "%c3%a9",
    "parent": "..%2f..%2fetc%2fpasswd",
    "encoded dots": "%2e%2e",
    "backslash": "..%5c..",
    "broken percent sign": "%zz",
    "SQL": "%27%20or%201%3D1--",
    "long": "x" * 20_000,
    "braces": "%7BclientId%7D",
    "URN": "urn:uuid:a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    "zeros": "00000000-0000-0000-0000-000000000000",
}
AROUND = {
    "white space": "{}%20",
    "line end": "{}%0a",
    "NUL": "{}%00",
    "slash": "{}%2f",
    "slash in front": "%2f{}",
    "braces": "%7B{}%7D",
    "semicolon": "{};a=b",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("template", TEMPLATES)
async def test_a_hostile_name_was_never_found(victim: Victim, template: str, name: str) -> None:
    answer = await victim.tenant.get(template.format(name))
    assert answer.status_code == 404
    refusal(answer)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
async def test_an_id_has_one_spelling(victim: Victim, around: str) -> None:
    for template, real in (
        ("/v1/devices/{}", victim.agent.client_id),
        ("/v1/organizations/{}", victim.agent.org_id),
    ):
        for method in ("GET", "PATCH", "DELETE"):
            url = template.format(around.format(real))
            answer = await victim.tenant.http.request(
                method, url, headers=victim.tenant.headers, json={} if method == "PATCH" else None
            )
            assert refusal(answer)


async def test_an_encoded_slash_separates_nothing(victim: Victim) -> None:
    for path in (f"/v1%2fdevices/{victim.agent.client_id}", "/v1/msp%2Fmembers", "/v1%2fhealth"):
        refusal(await victim.tenant.get(path))


async def test_a_foreign_host_bends_no_address(victim: Victim) -> None:
    headers = {**victim.tenant.headers, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for path in ("/openapi.json", "/docs", "/v1/devices?limit=1", "/v1/nothing", "/v1/devices/"):
        answer = await victim.tenant.http.get(path, headers=headers)
        assert answer.status_code in {200, 404}
        assert "evil" not in answer.text
        assert "evil" not in repr(answer.headers)


async def test_a_long_query_on_an_open_path_is_harmless(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/health?" + "a=b&" * 5_000)).status_code == 200
