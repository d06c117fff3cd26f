# mypy: ignore-errors
"""Authlib gets a token in both ways it knows, narrows one, and calls with it."""

import json
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

url, client_id, client_secret = sys.argv[1:]


def session(method, secret=client_secret, **options):
    return OAuth2Client(
        client_id,
        secret,
        token_endpoint=f"{url}/oauth/token",
        token_endpoint_auth_method=method,
        grant_type="client_credentials",
        **options,
    )


statuses = {}
for method in ("client_secret_basic", "client_secret_post"):
    with session(method) as client:
        client.fetch_token()
        statuses[method] = client.get(f"{url}/v1/devices").status_code
with session("client_secret_basic", scope="orgs:read") as narrow:
    scope = narrow.fetch_token()["scope"]
    forbidden = narrow.get(f"{url}/v1/devices").status_code
try:
    session("client_secret_basic", "wrong").fetch_token()
except OAuthError as error:
    refusal = error.error
json.dump(
    {"statuses": statuses, "scope": scope, "forbidden": forbidden, "refusal": refusal}, sys.stdout
)
