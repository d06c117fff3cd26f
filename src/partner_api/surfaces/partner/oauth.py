"""The token endpoint: RFC 6749, section 4.4, with the document's error shape on top."""

import base64
import binascii
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from partner_api.edge import Fields, HotPath, Reply, field, first_fields
from partner_api.identity.service import InvalidClient, InvalidScope
from partner_api.kernel.errors import Invalid, Unauthenticated
from partner_api.surfaces.partner import specimens
from partner_api.surfaces.partner.auth import PUBLIC
from partner_api.surfaces.partner.errors import replying
from partner_api.surfaces.partner.routing import CurrentCall, answering_in_time, partner_router
from partner_api.surfaces.partner.schemas import TokenErrorRead, TokenRead
from partner_api.surfaces.partner.services import Services

router = partner_router("Authentication")

TOKEN = "/oauth/token"

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 50
_SINGLE = ("grant_type", "client_id", "client_secret", "scope")
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"pragma", b"no-cache"),
)
_CHALLENGE = (b"www-authenticate", b'Basic realm="partner-api"')


class InvalidRequest(Invalid):
    """The token request is malformed."""


class UnsupportedGrantType(Invalid):
    """The token request asks for a grant we do not give."""


# `example`, the older spelling, because Postman's import reads no other in forms.
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string", "example": specimens.CREDENTIAL_ID},
                        "client_secret": {"type": "string", "example": specimens.CLIENT_SECRET},
                        "scope": {
                            "type": "string",
                            "description": "Narrows the token to these, separated by spaces.",
                            "example": "fleet:read orgs:read",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    TOKEN,
    summary="Get an access token",
    response_model=TokenRead,
    responses={
        400: {"model": TokenErrorRead, "description": "The request is wrong"},
        401: {"model": TokenErrorRead, "description": "No such client id and secret"},
    },
    openapi_extra=PUBLIC["openapi_extra"] | _BODY,
)
async def create_token(call: CurrentCall, request: Request) -> Response:
    """Exchange a client id and secret, by form or HTTP Basic, for a one-hour access token."""
    fields = first_fields(request.headers.raw)
    reply = await take_token_request(call.services, fields, await request.body())
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.content, reply.status, headers)


async def take_token_request(services: Services, fields: Fields, body: bytes) -> Reply:
    """Answer a token request; Unavailable."""
    try:
        form = _form(fields, body)
        client_id, client_secret = _client(fields, form)
        wanted = form["scope"].split() if "scope" in form else None
        async with answering_in_time():
            issued = await services.identity.issue_token(client_id, client_secret, wanted)
    except (Invalid, Unauthenticated) as error:
        return _refused(error)
    token = TokenRead(
        access_token=issued.access_token,
        expires_in=issued.expires_in_seconds,
        scope=" ".join(issued.scopes),
    )
    return Reply(200, _HEADERS, token.model_dump_json().encode())


def hot_paths(services: Services) -> Mapping[str, HotPath]:
    """What answers token requests without FastAPI: programs ask for tokens all the time."""
    return {TOKEN: HotPath(replying(partial(take_token_request, services)), is_logged=True)}


def _form(fields: Fields, body: bytes) -> dict[str, str]:
    essence = field(fields, b"content-type").partition(";")[0].strip().lower()
    if essence != _FORM:
        raise InvalidRequest(f"Send the request as {_FORM}")
    if body.count(b"&") >= _MOST_FIELDS:
        raise InvalidRequest(f"The form may have {_MOST_FIELDS} fields")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        raise InvalidRequest("The form is not valid UTF-8") from None
    names = [name for name, _ in pairs]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise InvalidRequest(f"{name} may be given once")
    # RFC 6749, section 3.2: a parameter without a value counts as left out.
    form = {name: value for name, value in pairs if value}
    if not form.get("grant_type"):
        raise InvalidRequest("grant_type is required")
    if form["grant_type"] != "client_credentials":
        raise UnsupportedGrantType("grant_type must be client_credentials")
    return form


def _client(fields: Fields, form: dict[str, str]) -> tuple[str, str]:
    basic = _basic(field(fields, b"authorization"))
    if basic and "client_secret" in form:
        raise InvalidRequest("Authenticate by the form or by HTTP Basic, not both")
    client_id, client_secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
    if not client_id or not client_secret:
        raise InvalidClient("client_id and client_secret are required")
    return client_id, client_secret


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (ValueError, binascii.Error):
        raise InvalidClient("The HTTP Basic header is malformed") from None
    client_id, _, client_secret = decoded.partition(":")
    return unquote_plus(client_id), unquote_plus(client_secret)


def _refused(error: Invalid | Unauthenticated) -> Reply:
    codes = {
        InvalidClient: "invalid_client",
        InvalidScope: "invalid_scope",
        UnsupportedGrantType: "unsupported_grant_type",
    }
    content = {
        "error": codes.get(type(error), "invalid_request"),
        "error_description": error.message,
        "message": error.message,
    }
    encoded = msgspec.json.encode(content)
    if isinstance(error, Unauthenticated):
        return Reply(401, (*_HEADERS, _CHALLENGE), encoded)
    return Reply(400, _HEADERS, encoded)
