"""The documentation page works where there is no internet."""

import re

import httpx


async def test_the_page_loads_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded
    for address in loaded:
        assert address.startswith("/docs/assets/")
        assert (await http.get(address)).status_code == 200


async def test_what_is_no_asset_is_not_found_in_our_shape(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs/assets/../../../../etc/passwd")
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "message"}
