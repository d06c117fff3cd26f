"""A stranger's OAuth2 library gets tokens by the standard alone."""

import json

import pytest

from tests.blackbox.server import Integrator
from tests.strangers.toolbox import FOLDER, PYTHONS, output

pytestmark = pytest.mark.tools


def test_authlib_gets_a_token_and_uses_it(integrator: Integrator) -> None:
    printed = output(
        PYTHONS / "python",
        FOLDER / "programs" / "oauth_session.py",
        *(integrator.url, integrator.msp["clientId"], integrator.msp["clientSecret"]),
    )
    assert json.loads(printed) == {
        "statuses": {"client_secret_basic": 200, "client_secret_post": 200},
        "scope": "orgs:read",
        "forbidden": 403,
        "refusal": "invalid_client",
    }
