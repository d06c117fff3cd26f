"""Where the agent sends its token, and where it will not."""

import pytest

from partner_api.agent.address import check_address
from partner_api.kernel.errors import Invalid


@pytest.mark.parametrize(
    "url",
    [
        "https://partner.example.com",
        "https://partner.example.com:8443/fleet",
        "http://127.0.0.1:8000",
        "http://127.9.9.9",
        "http://[::1]:8000",
        "http://localhost",
    ],
)
def test_an_encrypted_or_local_address_is_taken(url: str) -> None:
    assert check_address(url, allow_http=False) == url
    assert check_address(url + "/", allow_http=False) == url


@pytest.mark.parametrize(
    "url",
    ["", "partner.example.com", "ftp://partner.example.com", "https://", "http://127.0.0.1:port"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="--url"):
        check_address(url, allow_http=True)


def test_secrets_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(Invalid) as refused:
        check_address("https://user:hunter2@partner.example.com", allow_http=True)
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize(
    "url", ["http://partner.example.com", "http://10.0.0.1", "http://localhost.example.com"]
)
def test_plain_http_over_a_network_needs_a_word(url: str) -> None:
    with pytest.raises(Invalid, match="--allow-http"):
        check_address(url, allow_http=False)
    assert check_address(url, allow_http=True) == url
